// On a busy machine, too.
const PATIENCE_MS = 600_000;
const PAUSE_MS = 20;

/** Checks again and again until nothing is wrong, and tells what the check answers; what stays wrong fails. */
export async function eventually<T>(check: () => Promise<T> | T): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}
