/**
 * A stream made of long-polls, for networks that hold an answer back until it is whole. What
 * happens between two of them is told by the second at once, so it tells as much as a stream does.
 *
 *     poll (answers at once) ─▶ heartbeat ─▶ poll (waits for news) ─▶ news, heartbeat ─▶ poll …
 */
import type { Clock } from "@graft/core";
import type { Remote, RemoteEvent, WatchRequest } from "../remote/remote.ts";

/** Polls follow each other this fast at most: what happens meanwhile is folded into one event. */
const PACE_MS = 100;
/** A volume that has to resync is told so again by each poll, until it has. */
const RESYNC_PACE_MS_MAX = 1_000;

export interface PollChain {
  readonly remote: Pick<Remote, "watch">;
  readonly clock: Clock;
  /** What to ask next: from where the last poll has left each volume. */
  readonly request: () => Omit<WatchRequest, "waitMs">;
  readonly waitMs: number;
}

/** Events as of a stream, until a poll fails, or ends without a heartbeat, or the signal does. */
export async function* pollChain(
  chain: PollChain,
  signal: AbortSignal,
): AsyncGenerator<RemoteEvent> {
  const { remote, clock } = chain;
  let waitMs = 1;
  let paceMs = PACE_MS;
  while (true) {
    const startedMs = clock.monotonicMs();
    let isWhole = false;
    let hasResync = false;
    for await (const event of remote.watch({ ...chain.request(), waitMs }, signal)) {
      isWhole = event.kind === "heartbeat";
      hasResync ||= event.kind === "resync";
      yield event;
    }
    if (!isWhole) return;
    ({ waitMs } = chain);
    paceMs = hasResync ? Math.min(2 * paceMs, RESYNC_PACE_MS_MAX) : PACE_MS;
    const restMs = startedMs + paceMs - clock.monotonicMs();
    if (restMs > 0) await clock.sleep(restMs, signal);
  }
}
