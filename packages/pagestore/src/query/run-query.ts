import { type ConfinedEnd, type ConfinedInstance, STEPS_PER_LOOK } from "@graft/sqlite-engine";
import type { QueryChannel } from "./query-channel.ts";
import { SNAPSHOT_NAME, type SnapshotVfs } from "./snapshot-vfs.ts";
import type { RunMessage } from "./thread-messages.ts";

/** What a run is made of, in its thread. */
export interface RunParts {
  readonly instance: ConfinedInstance;
  /** The one the instance was made with. */
  readonly vfs: SnapshotVfs;
  readonly channel: QueryChannel;
  /** Time that this thread has computed so far, ms. */
  readonly computedMs: () => number;
  /** Asks the PageStore for a page; its answer comes through the channel. */
  readonly ask: (index: number) => void;
}

/**
 * Runs statements to their end or to a bound. Sleeps while a page is on its way: that time is not
 * counted, whatever `computedMs` says of it.
 *
 * @returns how it ended, and whether a bound of `run` is why
 */
export function runQuery(run: RunMessage, parts: RunParts): { end: ConfinedEnd; isOver: boolean } {
  const { instance, vfs, channel, computedMs, ask } = parts;
  const startMs = computedMs();
  let waitedMs = 0;
  let steps = 0;
  let touchedCount = 0;
  let isOver = false;
  const read = (index: number): Uint8Array | undefined => {
    isOver ||= touchedCount++ >= run.touchedMax || !channel.touch(index);
    if (isOver) return undefined;
    const askedMs = computedMs();
    const answer = channel.wait(() => ask(index));
    waitedMs += computedMs() - askedMs;
    if (answer === "failed") return undefined;
    const page = channel.page(run.pageSize);
    return answer === "page" ? page : page.fill(0);
  };
  const mayGoOn = (): boolean => {
    steps += STEPS_PER_LOOK;
    const runMs = computedMs() - startMs - waitedMs;
    isOver ||= channel.isStopped || steps > run.stepsMax || runMs > run.timeMs;
    return !isOver;
  };
  vfs.use({ pageSize: run.pageSize, pageCount: run.pageCount, read });
  const { statements } = run;
  const end = instance.run({ filename: SNAPSHOT_NAME, statements, mayGoOn });
  return { end, isOver: isOver || channel.isStopped };
}
