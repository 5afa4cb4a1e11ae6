import type { FileLock } from "@graft/core";

/** A lock within one process: one holder at a time. */
export class Turn {
  #holder: object | undefined;

  /** Undefined while it is held. */
  take(): FileLock | undefined {
    if (this.#holder !== undefined) return undefined;
    const holder = {};
    this.#holder = holder;
    return {
      close: (): void => {
        if (this.#holder === holder) this.#holder = undefined;
      },
    };
  }
}
