import type { SeededRandom } from "@graft/core/testing";

/**
 * Something of ours that takes bytes from strangers. `pnpm fuzz NAME` and the tests run the same
 * targets.
 */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs in a run of the tests. */
  readonly count: number;
  /** Valid inputs, to be damaged. At least one. */
  seeds(random: SeededRandom): Promise<readonly Uint8Array[]>;
  /**
   * Makes checksums and sizes right again, so that damage reaches what lies behind them. A copy.
   */
  reseal?(bytes: Uint8Array): Uint8Array;
  /**
   * Takes the bytes and checks what must hold: a refusal is a `GraftError` of the expected code,
   * and what is accepted means the same when it is written and read again.
   *
   * @returns whether they were accepted
   * @throws anything else: a finding
   */
  run(bytes: Uint8Array): Promise<boolean>;
}
