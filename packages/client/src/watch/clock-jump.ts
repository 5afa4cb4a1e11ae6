import type { Clock } from "@graft/core";

/**
 * More than a busy machine makes a timer late, less than a server takes to forget a connection.
 */
const JUMP_MS = 10_000;

/** Both clocks at one moment. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
}

/**
 * Whether the machine, or this process, was suspended during a wait that was to take `askedMs` at
 * most: both clocks went on without us, or only the wall clock did (a laptop's monotonic clock may
 * stand still while it sleeps). A wall clock that was set back says nothing.
 */
export function hasJumped(before: Moment, after: Moment, askedMs: number): boolean {
  const passedMs = after.monotonicMs - before.monotonicMs;
  const wallPassedMs = after.wallMs - before.wallMs;
  return passedMs - askedMs > JUMP_MS || wallPassedMs - passedMs > JUMP_MS;
}
