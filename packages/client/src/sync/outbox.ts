/**
 * The outbox of a volume: transactions that a rebase could not run again, with why. They stay until
 * somebody discards them or runs them again with success.
 *
 * ```
 * file "outbox-<n, 8 digits>" on the volume's shelf: one record (set-aside.ts) with an error
 * ```
 *
 * Numbers ascend in the order of rejection. One id is in it at most once: it is what a rebase looks
 * for after a crash. A file that is damaged is told of as such, and keeps no other from being read.
 */
import { isGraftError } from "@graft/core";
import type { RejectedTransaction, RejectionReason, SetAsideTransaction } from "../volume.ts";
import { encodeSetAside, readSetAside } from "./set-aside.ts";
import { openIfThere, type Shelf } from "./shelf.ts";

const NAME = /^outbox-(\d{8})$/;

interface Entry {
  readonly file: string;
  readonly transaction: RejectedTransaction;
}

export class Outbox {
  readonly #shelf: Shelf;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /** How many there are. Cheap. */
  get count(): number {
    return this.#files().length;
  }

  /** Oldest first. Of one whose file is damaged only that is known. */
  list(): readonly RejectedTransaction[] {
    return Array.from(this.#entries(), ({ transaction }) => transaction);
  }

  ids(): ReadonlySet<string> {
    return new Set(Array.from(this.#entries(), ({ transaction }) => transaction.id));
  }

  get(id: string): RejectedTransaction | undefined {
    return this.#find(id)?.transaction;
  }

  /** Keeps a transaction whose id is not in it, durably. @throws GraftError `io` */
  add(transaction: SetAsideTransaction, rejection: RejectionReason): void {
    const last = this.#files().at(-1);
    const number = last === undefined ? 1 : Number(NAME.exec(last)?.[1]) + 1;
    const record = { ...transaction, replay: transaction.replay, rejection };
    this.#shelf.write(`outbox-${String(number).padStart(8, "0")}`, [encodeSetAside(record)]);
  }

  /** Forgets a transaction, durably; false when there is none. */
  remove(id: string): boolean {
    const found = this.#find(id);
    if (found === undefined) return false;
    this.#shelf.remove(found.file);
    return true;
  }

  #files(): readonly string[] {
    return this.#shelf.list().filter((name) => NAME.test(name));
  }

  #find(id: string): Entry | undefined {
    for (const entry of this.#entries()) if (entry.transaction.id === id) return entry;
    return undefined;
  }

  *#entries(): Generator<Entry> {
    for (const file of this.#files()) {
      const transaction = this.#read(file);
      if (transaction !== undefined) yield { file, transaction };
    }
  }

  #read(name: string): RejectedTransaction | undefined {
    const file = openIfThere(this.#shelf, name);
    if (file === undefined) return undefined;
    try {
      const { record } = readSetAside(file, `${this.#shelf.name}/${name}`, 0);
      const { rejection = NO_REASON, ...transaction } = record;
      return { ...transaction, rejection };
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      const { code, message } = error;
      const rejection = { code, message, atMs: 0 };
      return { id: name, version: 0, message: undefined, replay: undefined, rejection };
    } finally {
      file.close();
    }
  }
}

const NO_REASON: RejectionReason = { code: "internal", message: "no reason was kept", atMs: 0 };
