import { invariant } from "@graft/core";
import type { Deed } from "./trades/trade.ts";

/** What everybody knows together. */
export class Ledger {
  /** Lines that somebody has seen with nothing pending underneath: they stay for ever. */
  readonly remote: Set<string> = new Set();
  readonly #contents = new Map<string, string>();

  /** Whoever looks at a place sees the same there. */
  mustBeSame(place: string, content: string): void {
    const known = this.#contents.get(place);
    if (known === undefined) this.#contents.set(place, content);
    else invariant(known === content, `${place} holds ${known}, not ${content}`);
  }
}

/** What the processes of one machine know together. */
export class Branch {
  readonly ledger: Ledger;
  /** Marks of the lines whose COMMIT was acknowledged. */
  readonly kept: Set<string> = new Set();
  readonly #number: number;
  readonly #contents = new Ledger();
  #lastDeed = 0;

  constructor(number: number, ledger: Ledger) {
    this.#number = number;
    this.ledger = ledger;
  }

  nextDeed(): Deed {
    const n = ++this.#lastDeed;
    const branch = String(this.#number);
    return { branch, n, mark: `${branch}:${n};` };
  }

  /** The key of a line: those of a branch lie together, apart from those of the others. */
  keyOf({ n }: Deed): number {
    return this.#number * 1_000_000 + n;
  }

  /** Whichever process looks at a local version sees the same. */
  mustBeSame(place: string, content: string): void {
    this.#contents.mustBeSame(place, content);
  }
}
