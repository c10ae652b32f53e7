const HOUR_MS = String(3_600_000);

/** Settings by which nothing is given up on, however busy the machine is; a test of a limit sets that limit. */
export const PATIENT = {
  DATABASE_CONNECT_TIMEOUT_MS: HOUR_MS,
  DATABASE_STATEMENT_TIMEOUT_MS: HOUR_MS,
  REQUEST_TIMEOUT_MS: HOUR_MS,
  SHUTDOWN_TIMEOUT_MS: HOUR_MS,
};
