import type { TransactionFunction } from "../transaction.ts";

/** Functions kept at most; of older transactions the recorded statements are left. */
const KEPT_MAX = 10_000;

/**
 * Functions of transactions that are not yet pushed, by app transaction id: run again on a new
 * base, they check their rules again. They live as long as the process.
 */
export class KeptFunctions {
  /** Oldest first. */
  readonly #functions = new Map<string, TransactionFunction>();

  get size(): number {
    return this.#functions.size;
  }

  get(appTransactionId: string): TransactionFunction | undefined {
    return this.#functions.get(appTransactionId);
  }

  keep(appTransactionId: string, fn: TransactionFunction): void {
    this.#functions.set(appTransactionId, fn);
    if (this.#functions.size <= KEPT_MAX) return;
    for (const oldest of this.#functions.keys()) {
      this.#functions.delete(oldest);
      return;
    }
  }

  drop(appTransactionId: string | undefined): void {
    if (appTransactionId !== undefined) this.#functions.delete(appTransactionId);
  }
}
