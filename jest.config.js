/** @type {import("jest").Config} */
module.exports = {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } }] },
  globalSetup: "<rootDir>/test/setup/databases.ts",
  globalTeardown: "<rootDir>/test/setup/close-databases.ts",
  maxWorkers: 2,
  testTimeout: 60_000,
};
