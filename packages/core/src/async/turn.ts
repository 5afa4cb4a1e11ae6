/**
 * Turns of the event loop. Heavy work is cut into steps, and asks before each whether the turn is
 * still young:
 *
 *     step ──young──▶ step ──old──▶ rest: others are heard ──▶ step …
 *
 * Whatever works by the same clock shares one loop, and one turn: two imports and a checkpoint at a
 * time hold it up no longer than one of them.
 */
import type { Clock } from "../clock.ts";

/** After so long others have their turn, ms: a quarter of what a server may be deaf. */
const TURN_MS_MAX = 5;
/** Until then a turn is new enough for a step that takes all of it, ms. */
const FRESH_MS_MAX = 1;

interface Loop {
  /** When the first step of this turn began, and the last one was at work, monotonic ms. */
  firstMs: number;
  lastMs: number;
  /** The rest under way, one for all who wait: else each of them would begin a turn of its own. */
  rest: Promise<void> | undefined;
}

const LOOPS = new WeakMap<Clock, Loop>();

/**
 * Runs a step at once while this turn is young, else in a later one. What the step does before it
 * first waits should take well below 5 ms. Who comes when nobody worked for so long waits for
 * nothing.
 *
 * @throws the signal's reason when aborted before the step; what the step throws
 */
export async function inTurn<T>(
  clock: Clock,
  step: () => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const loop = loopOf(clock);
  while (!isOpen(loop, clock)) await loop.rest;
  signal?.throwIfAborted();
  const outcome = step();
  loop.lastMs = clock.monotonicMs();
  return await outcome;
}

/**
 * To be awaited before one step that takes some ms, also when it does not follow at once: no other
 * step of note was in the same turn before it, and none is after it.
 *
 * @throws the signal's reason when aborted
 */
export async function takeWholeTurn(clock: Clock, signal?: AbortSignal): Promise<void> {
  const loop = loopOf(clock);
  let isFirst = false;
  while (!isOpen(loop, clock) || !(isFirst || isFresh(loop))) {
    // Who asks for the rest is the first one after it, however long that took to come.
    isFirst = loop.rest === undefined;
    loop.rest ??= rest(loop, clock);
    await loop.rest;
  }
  loop.rest = rest(loop, clock);
  signal?.throwIfAborted();
}

/** Whether a step may begin now; if not, `rest` says when to ask again. */
function isOpen(loop: Loop, clock: Clock): boolean {
  if (loop.rest !== undefined) return false;
  const nowMs = clock.monotonicMs();
  if (nowMs - loop.lastMs >= TURN_MS_MAX) loop.firstMs = nowMs;
  if (nowMs - loop.firstMs >= TURN_MS_MAX) {
    loop.rest = rest(loop, clock);
    return false;
  }
  loop.lastMs = nowMs;
  return true;
}

/** Of an open loop: what was at work in this turn took no time. */
function isFresh(loop: Loop): boolean {
  return loop.lastMs - loop.firstMs < FRESH_MS_MAX;
}

async function rest(loop: Loop, clock: Clock): Promise<void> {
  await clock.sleep(0);
  loop.rest = undefined;
  loop.firstMs = clock.monotonicMs();
  loop.lastMs = loop.firstMs;
}

function loopOf(clock: Clock): Loop {
  const known = LOOPS.get(clock);
  if (known !== undefined) return known;
  const loop: Loop = { firstMs: 0, lastMs: Number.NEGATIVE_INFINITY, rest: undefined };
  LOOPS.set(clock, loop);
  return loop;
}
