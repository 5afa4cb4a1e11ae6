import { type Clock, type GraftError, isGraftError, type Random } from "@graft/core";
import type { LocalStore } from "../store/local-store.ts";
import type { CallOptions } from "../volume.ts";
import { waitForLock } from "../wait-for-lock.ts";
import { TaskQueue } from "./task-queue.ts";

/** What a task in turn is given. */
export interface Turn {
  readonly signal: AbortSignal;
}

export interface SyncTurnsMeans {
  readonly store: LocalStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends all that waits. */
  readonly closing: AbortSignal;
  /** This process has the turn, and sees what the others did before. */
  readonly onEnter: () => void;
  readonly onLeave: () => void;
  /** A task failed. It is thrown as well. */
  readonly onError: (error: GraftError) => void;
}

/**
 * The order of what speaks with the server for a volume: one after the other in this process, and
 * one process at a time.
 */
export class SyncTurns {
  readonly #means: SyncTurnsMeans;
  readonly #queue = new TaskQueue();
  #isOurs = false;

  constructor(means: SyncTurnsMeans) {
    this.#means = means;
  }

  /** Whether this process has the turn. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** One after the other in this process. */
  async inTurn<O extends CallOptions, T>(
    options: O,
    task: (options: O & Turn) => Promise<T>,
  ): Promise<T> {
    const turn = { ...options, ...this.untilClosed(options.signal) };
    try {
      return await this.#queue.run(() => task(turn), turn.signal);
    } catch (error) {
      if (isGraftError(error)) this.#means.onError(error);
      throw error;
    }
  }

  /** The same, and while no other process syncs this volume. */
  alone<O extends CallOptions, T>(options: O, task: (options: O & Turn) => Promise<T>): Promise<T> {
    return this.inTurn(options, async (turn) => {
      const { store, clock, random, onEnter, onLeave } = this.#means;
      const { signal } = turn;
      const lock = await waitForLock(() => store.lockSync(), { clock, random, signal });
      this.#isOurs = true;
      try {
        onEnter();
        return await task(turn);
      } finally {
        onLeave();
        this.#isOurs = false;
        lock?.close();
      }
    });
  }

  /** A signal that ends with the volume. */
  untilClosed(signal: AbortSignal | undefined): Turn {
    const { closing } = this.#means;
    return { signal: signal === undefined ? closing : AbortSignal.any([signal, closing]) };
  }

  /** Resolves when everything asked for so far has ended. */
  drained(): Promise<void> {
    return this.#queue.drained();
  }
}
