import type { FileLock } from "@graft/core";

/** A lock within one process: one holder at a time. */
export class Turn {
  #holder: FileLock | undefined;

  /** Whether a turn that was taken has not ended yet. */
  isHeldBy(turn: FileLock): boolean {
    return this.#holder === turn;
  }

  /** Undefined while it is held. */
  take(): FileLock | undefined {
    if (this.#holder !== undefined) return undefined;
    const holder: FileLock = {
      close: (): void => {
        if (this.#holder === holder) this.#holder = undefined;
      },
    };
    this.#holder = holder;
    return holder;
  }
}
