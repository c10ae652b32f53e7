/** The service's version, as package.json says it. */
export const { version } = require("../package.json") as { version: string };
