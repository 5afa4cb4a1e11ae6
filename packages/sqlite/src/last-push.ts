import type { Volume } from "@graft/client";
import type { Clock } from "@graft/core";

/** How long a closing database waits for commits that are on their way to the server. */
const LAST_PUSH_MS = 2_000;

/**
 * Gives what waits to be pushed a last chance, while the server is there. Whatever becomes of it,
 * the commits are kept.
 */
export async function waitForLastPush(volume: Volume, clock: Clock): Promise<void> {
  const { sync, local, state } = volume.status();
  if (sync === undefined || sync.connection === "offline") return;
  if (local.pending === 0 || state === "diverged") return;
  const ended = new AbortController();
  const pushed = volume.waitForPushed({ signal: ended.signal });
  const timeout = clock.sleep(LAST_PUSH_MS, ended.signal);
  try {
    await Promise.race([pushed, timeout].map((each) => each.catch(() => undefined)));
  } finally {
    ended.abort();
  }
}
