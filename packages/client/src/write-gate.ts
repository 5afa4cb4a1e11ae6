import { raceAbort } from "./race-abort.ts";

/**
 * The write lock of one volume in one process: at most one writer is open, and what changes the
 * base (pull, reset) runs only while none is. Writers never wait; base changes do, and an open
 * writer can see that one is waiting.
 */
export class WriteGate {
  #isWriting = false;
  #waiting: (() => void)[] = [];
  #newsCount = 0;

  /** Takes the lock for a writer; false when it is taken. */
  tryEnter(): boolean {
    if (this.#isWriting) return false;
    this.#isWriting = true;
    return true;
  }

  /** Gives the lock back. */
  leave(): void {
    this.#isWriting = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** Whether news waits for the open writer to end. */
  get hasNews(): boolean {
    return this.#newsCount > 0;
  }

  /** Runs `change` as soon as no writer is open; until then it counts as waiting news. */
  async apply<T>(change: () => T, signal?: AbortSignal): Promise<T> {
    this.#newsCount++;
    try {
      while (this.#isWriting) {
        const turn = Promise.withResolvers<void>();
        this.#waiting.push(turn.resolve);
        await raceAbort(turn.promise, signal);
      }
      signal?.throwIfAborted();
      // Nothing awaits between the check and the change: the lock cannot be taken in between.
      return change();
    } finally {
      this.#newsCount--;
    }
  }
}
