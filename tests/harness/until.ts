import { systemClock } from "@graft/core/node";

const PAUSE_MS = 5;

/** Resolves when a claim holds. @throws Error: it did not in time */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number = 20_000,
): Promise<void> {
  const endMs = systemClock.monotonicMs() + timeoutMs;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > endMs) {
      throw new Error(`not within ${timeoutMs} ms: ${holds}`);
    }
    await systemClock.sleep(PAUSE_MS);
  }
}
