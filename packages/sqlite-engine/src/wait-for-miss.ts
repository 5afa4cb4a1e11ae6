import type { Miss } from "./facade-vfs.ts";
import type { FetchRequest } from "./vfs.ts";

/**
 * Waits for a miss, but no longer than the caller does: rejects with the signal's reason as soon as
 * it is aborted, also when the `Vfs` takes no notice. A commit is waited for in any case.
 */
export async function waitForMiss(miss: Miss, request: FetchRequest): Promise<void> {
  const { signal } = request;
  if (!miss.isAbortable) return await miss.wait(request);
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    // When the abort wins, the race has taken care of a late rejection of the fetch.
    await Promise.race([miss.wait(request), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
