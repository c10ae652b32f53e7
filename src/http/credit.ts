const CREDIT_MS = 400;
const SHARE = 0.2;
// The payers who worked last: whoever is forgotten had time to pay.
const MAX_ACCOUNTS = 10_000;

/** How long the service works for each payer, in milliseconds. */
export type Credit = {
  /** Charges a payer for work that was done, or, with less than none, gives some of it back. */
  charge(id: string, ms: number): void;
  /** How long a payer waits until its debt is paid; 0 without a debt. */
  waitMs(id: string): number;
};

/**
 * Each payer may have 400 ms of work done at any speed, and earns a fifth of a second with each
 * second that passes. Whoever uses more waits, so that in the long run one payer takes a fifth of
 * one core's time, however much it asks for.
 *
 * @param now in milliseconds
 */
export function createCredit(now = () => performance.now()): Credit {
  const accounts = new Map<string, { ms: number; at: number }>();
  const leftOf = (id: string): number => {
    const account = accounts.get(id);
    return account ? Math.min(CREDIT_MS, account.ms + (now() - account.at) * SHARE) : CREDIT_MS;
  };
  return {
    charge(id, ms) {
      const left = leftOf(id) - ms;
      // Put last again: the first of the map is who worked least recently.
      accounts.delete(id);
      accounts.set(id, { ms: left, at: now() });
      if (accounts.size > MAX_ACCOUNTS) accounts.delete(accounts.keys().next().value as string);
    },
    waitMs: (id) => Math.ceil(Math.max(0, -leftOf(id)) / SHARE),
  };
}
