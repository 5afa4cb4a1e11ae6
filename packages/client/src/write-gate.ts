import {
  type Clock,
  type FileLock,
  type Lsn,
  type PageSet,
  type Random,
  randomUnit,
} from "@graft/core";
import { raceAbort } from "./race-abort.ts";
import type { RemotePoint } from "./store/local-store.ts";

/** Pause before a turn that another process has is asked for again: 1 … 5 ms. */
const PAUSE_MS_MIN = 1;
const PAUSE_MS_MAX = 5;

export interface WriteGateMeans {
  /** The turn across processes; undefined while another one has it. */
  readonly tryLock: () => FileLock | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** News that waits, as far as it tells whether it meets a transaction. */
export interface WaitingChange {
  /** The snapshot it follows. */
  readonly from: Lsn | undefined;
  readonly remote: RemotePoint;
  readonly changed: PageSet;
  /** Page 1 of the new snapshot, if it came along. */
  readonly pageOne: Uint8Array | undefined;
}

interface WaitingNews extends WaitingChange {
  readonly run: () => void;
}

/**
 * The write lock of one volume: at most one writer is open, in this process and in all others, and
 * what changes the base (pull, reset) runs only while none is. Writers never wait; base changes do,
 * and an open writer of this process can see that one is waiting. News that waits may be let in by
 * the open writer, under its lock.
 */
export class WriteGate {
  readonly #means: WriteGateMeans;
  /** The turn, while this process has it. */
  #turn: FileLock | undefined;
  #waiting: (() => void)[] = [];
  #newsCount = 0;
  /** News that came first stands first. */
  readonly #news: WaitingNews[] = [];

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

  /** Whether something other than news waits for the open writer to end: a reset, a rebase. */
  get hasChange(): boolean {
    return this.#newsCount > 0;
  }

  /**
   * Runs `change` as soon as no writer is open. Writers find the lock taken until it has ended.
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

  /** Runs `change`, which applies the news, as soon as no writer is open or one lets it in. */
  async applyNews<T>(news: WaitingChange, change: () => T, signal?: AbortSignal): Promise<T> {
    let done: { readonly result: T } | undefined;
    const run = (): void => {
      done = { result: change() };
    };
    const waiting = { ...news, run };
    this.#news.push(waiting);
    try {
      while (done === undefined) {
        signal?.throwIfAborted();
        if (this.#turn !== undefined) await this.#untilLeft(signal);
        else if (!this.tryEnter()) await this.#pause(signal);
        else this.#runAndLeave(run);
      }
      return done.result;
    } finally {
      this.#news.splice(this.#news.indexOf(waiting), 1);
    }
  }

  /** The news that waits, if any does. */
  get waitingNews(): WaitingChange | undefined {
    return this.#news[0];
  }

  /** Runs what applies the news that waits: for the open writer, at its commit. */
  letIn(): void {
    this.#news[0]?.run();
  }

  #runAndLeave(run: () => void): void {
    try {
      run();
    } finally {
      this.leave();
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
