const output = { target: "generated/orval.ts", client: "fetch", baseUrl: process.env.CAIRN_URL };
module.exports = { cairn: { input: "../openapi.json", output } };
