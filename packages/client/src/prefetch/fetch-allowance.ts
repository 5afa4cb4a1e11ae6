import { GraftError } from "@graft/core";
import type { QueryStatement } from "@graft/rpc";

/** How much one execution of a statement may still fetch. Bytes of pages, as they are here. */
export class FetchAllowance {
  readonly #bytesMax: number;
  #bytesLeft: number;

  /** @throws GraftError `invalid-argument` */
  constructor(bytesMax: number) {
    if (!(Number.isSafeInteger(bytesMax) && bytesMax >= 0)) {
      const what = `maxFetchBytes is ${bytesMax}: expected a whole number of bytes, 0 or more`;
      throw new GraftError("invalid-argument", what);
    }
    this.#bytesMax = bytesMax;
    this.#bytesLeft = bytesMax;
  }

  get bytesLeft(): number {
    return Math.max(0, this.#bytesLeft);
  }

  /** For what came along: all that is left, if it is more. */
  spend(bytes: number): void {
    this.#bytesLeft -= bytes;
  }

  /** @throws GraftError `resource-exhausted` when there is less */
  take(bytes: number): void {
    if (bytes <= this.#bytesLeft) {
      this.#bytesLeft -= bytes;
      return;
    }
    const used = this.#bytesMax - this.bytesLeft;
    throw new GraftError(
      "resource-exhausted",
      `the statement has fetched ${used} bytes of pages and needs ${bytes} more, with ` +
        `maxFetchBytes ${this.#bytesMax}: allow more, or look at its plan (EXPLAIN QUERY PLAN)`,
      { details: { reason: "fetch-limit" } },
    );
  }
}

/** Who needs pages. One object for each execution of a statement. */
export interface FetchNeed {
  /** What is run: what else it touches may come along. */
  readonly statement?: QueryStatement | undefined;
  /** Absent: as much as it takes. */
  readonly allowance?: FetchAllowance | undefined;
}
