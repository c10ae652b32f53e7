const swc = ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } }];

/** @type {import("jest").Config} */
module.exports = {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  // jose comes as ES modules alone, which Node requires and Jest does not.
  transform: { "^.+\\.ts$": swc, "/node_modules/jose/.+\\.js$": swc },
  transformIgnorePatterns: ["/node_modules/(?!jose/)"],
  globalSetup: "<rootDir>/test/setup/databases.ts",
  globalTeardown: "<rootDir>/test/setup/close-databases.ts",
  maxWorkers: 2,
  // It only ends what hangs: no test depends on how busy the machine is.
  testTimeout: 900_000,
};
