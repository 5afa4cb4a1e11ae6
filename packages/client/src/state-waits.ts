import { raceAbort } from "./race-abort.ts";

interface Wait {
  readonly isOver: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Callers that wait for a volume to get somewhere. */
export class StateWaits {
  readonly #waits = new Set<Wait>();

  /**
   * Resolves as soon as `isOver` answers true, rejects when it throws. It is asked now, and each
   * time the volume moves.
   */
  async until(isOver: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    if (isOver()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait = { isOver, resolve, reject };
    this.#waits.add(wait);
    try {
      await raceAbort(promise, signal);
    } finally {
      this.#waits.delete(wait);
    }
  }

  /** The volume moved. */
  check(): void {
    for (const wait of this.#waits) {
      try {
        if (wait.isOver()) wait.resolve();
      } catch (error) {
        wait.reject(error);
      }
    }
  }
}
