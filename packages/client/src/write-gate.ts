import { type Clock, type FileLock, type Random, randomUnit } from "@graft/core";
import { raceAbort } from "./race-abort.ts";

/** Pause before a turn that another process has is asked for again: 1 … 5 ms. */
const PAUSE_MS_MIN = 1;
const PAUSE_MS_MAX = 5;

export interface WriteGateMeans {
  /** The turn across processes; undefined while another one has it. */
  readonly tryLock: () => FileLock | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The write lock of one volume: at most one writer is open, in this process and in all others, and
 * what changes the base (pull, reset) runs only while none is. Writers never wait; base changes do,
 * and an open writer of this process can see that one is waiting.
 */
export class WriteGate {
  readonly #means: WriteGateMeans;
  /** The turn, while this process has it. */
  #turn: FileLock | undefined;
  #waiting: (() => void)[] = [];
  #newsCount = 0;

  constructor(means: WriteGateMeans) {
    this.#means = means;
  }

  /**
   * Takes the lock; false when it is taken, here or in another process. Once it is taken, all that
   * other processes did to the volume is seen.
   */
  tryEnter(): boolean {
    if (this.#turn !== undefined) return false;
    this.#turn = this.#means.tryLock();
    return this.#turn !== undefined;
  }

  /** Gives the lock back. */
  leave(): void {
    this.#turn?.close();
    this.#turn = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** Whether news waits for the open writer to end. */
  get hasNews(): boolean {
    return this.#newsCount > 0;
  }

  /**
   * Runs `change` as soon as no writer is open; until then it counts as waiting news. Writers find
   * the lock taken until it has ended.
   */
  async apply<T>(change: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    this.#newsCount++;
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.#turn !== undefined) await this.#untilLeft(signal);
        else if (this.tryEnter()) break;
        else await this.#pause(signal);
      }
      try {
        return await change();
      } finally {
        this.leave();
      }
    } finally {
      this.#newsCount--;
    }
  }

  async #untilLeft(signal: AbortSignal | undefined): Promise<void> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    await raceAbort(turn.promise, signal);
  }

  async #pause(signal: AbortSignal | undefined): Promise<void> {
    const { clock, random } = this.#means;
    const pauseMs = PAUSE_MS_MIN + (PAUSE_MS_MAX - PAUSE_MS_MIN) * randomUnit(random);
    await clock.sleep(pauseMs, signal);
  }
}
