import { raceAbort } from "../race-abort.ts";

/** Runs tasks one after the other, in the order they came. A failed task does not stop the next. */
export class TaskQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves with the task's result. Aborted before its turn, the task never starts. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = before.then(() => turn.promise);
    try {
      await raceAbort(before, signal);
      return await task();
    } finally {
      turn.resolve();
    }
  }

  /** Resolves when everything queued so far has ended. */
  async drained(): Promise<void> {
    await this.#last;
  }
}
