/** What the local transactions of a machine read and wrote, by their app transaction ids. */
import { invariant } from "@graft/core";
import type { Tags } from "./register-model.ts";

export interface LocalTransaction {
  readonly pageCountBefore: number;
  readonly pageCount: number;
  /** What it read, by page index. */
  readonly reads: ReadonlyMap<number, number>;
  /** What it wrote, by page index. */
  readonly writes: ReadonlyMap<number, number>;
}

export class LocalHistory {
  readonly #transactions = new Map<string, LocalTransaction>();

  add(id: string, transaction: LocalTransaction): void {
    this.#transactions.set(id, transaction);
  }

  /**
   * What a volume holds after these transactions, one after the other. Each must read there what it
   * has read: otherwise it does not belong there.
   */
  run(base: Tags, ids: readonly (string | undefined)[]): Tags {
    return ids.reduce<Tags>((tags, id) => this.#runOne(tags, id), base);
  }

  #runOne(tags: Tags, id: string | undefined): Tags {
    const transaction = id === undefined ? undefined : this.#transactions.get(id);
    invariant(transaction !== undefined, `transaction ${id} was made here`);
    const { pageCountBefore, pageCount, reads, writes } = transaction;
    for (const [index, tag] of reads) {
      const found = tags[index - 1] ?? 0;
      invariant(found === tag, `transaction ${id} has read ${tag} in page ${index}, not ${found}`);
    }
    const length = pageCount === pageCountBefore ? tags.length : pageCount;
    return Array.from({ length }, (_, at) => writes.get(at + 1) ?? tags[at] ?? 0);
  }
}
