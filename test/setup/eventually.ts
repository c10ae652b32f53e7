const PATIENCE_MS = 5_000;
const PAUSE_MS = 20;

/** Checks again and again until nothing is wrong, and tells what the check answers; what is still wrong after seconds fails. */
export async function eventually<T>(check: () => Promise<T> | T): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}
