import type { SeededRandom } from "@graft/core/testing";
import type { Transaction } from "@graft/sqlite";

/** Who does something, and what it is called: `branch:n`. */
export interface Deed {
  readonly branch: string;
  readonly n: number;
  /** Begins the note of its line, and is found nowhere else. */
  readonly mark: string;
}

/** What clients do with a database, and what is true of it at every snapshot. */
export interface Trade {
  /** Tables beside `line`, and what is in them at first. */
  readonly schema: string;
  /** One row, one column: 1 when the claims hold. */
  readonly claims: string;
  /** One row, one column: all that the tables hold beside `line`. */
  readonly content: string;
  /**
   * What one transaction does besides leaving its line; the key of the line, if it has one. It may
   * run several times, on other snapshots. @throws Refusal: its rules do not let it
   */
  draw(random: SeededRandom, deed: Deed): (tx: Transaction) => Promise<number | undefined>;
}

/** The rules of a trade do not let a transaction happen. */
export class Refusal extends Error {}
