/**
 * The transactions that a rebase took out of the store, until all of them are run again or in the
 * outbox. While it is there the volume counts as diverged, and nothing is pushed: so what is done
 * of it can be told from the app transaction ids among the pending commits and in the outbox, and a
 * crash at any point neither loses a transaction nor runs one twice.
 *
 * ```
 * file "rebase" on the volume's shelf:
 * 0   8  "GRFTRBS1"
 * 8   4  number of records, u32 little-endian
 * 12  4  XXH32 of bytes 0 … 12, u32 little-endian
 * 16     records (set-aside.ts), in the order in which they are run
 * ```
 *
 * Valid when (1) the header's checksum agrees, (2) it holds exactly that many records. It is
 * written whole before the store is reset, and removed, durably, before anything may be pushed.
 */
import { equalBytes } from "@graft/core";
import { corruptFile } from "../store/durable/corrupt-file.ts";
import { xxh32Of } from "../store/durable/xxh32.ts";
import type { SetAsideTransaction } from "../volume.ts";
import { encodeSetAside, readSetAside } from "./set-aside.ts";
import { openIfThere, type Shelf } from "./shelf.ts";

const FILE_NAME = "rebase";
const COPY_NAME = "damaged-rebase-";
const MAGIC = new TextEncoder().encode("GRFTRBS1");
const HEADER = { count: 8, checksum: 12, size: 16 } as const;

export class RebaseJournal {
  readonly #shelf: Shelf;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /** Whether a rebase has begun and has not ended, here or in another process. */
  get exists(): boolean {
    return this.#shelf.has(FILE_NAME);
  }

  /**
   * Ids of the transactions in it, in order; none without a journal. @throws GraftError `corrupt`
   */
  ids(): readonly string[] {
    return Array.from(this.read(), ({ id }) => id);
  }

  /** The transactions in it, one at a time. @throws GraftError `corrupt` */
  *read(): Generator<SetAsideTransaction> {
    const file = openIfThere(this.#shelf, FILE_NAME);
    if (file === undefined) return;
    const path = `${this.#shelf.name}/${FILE_NAME}`;
    try {
      const header = new Uint8Array(HEADER.size);
      const size = file.read(header, 0);
      const view = new DataView(header.buffer);
      const checksum = xxh32Of(header.subarray(0, HEADER.checksum));
      const isWhole = size === HEADER.size && checksum === view.getUint32(HEADER.checksum, true);
      if (!isWhole || !equalBytes(header.subarray(0, MAGIC.length), MAGIC)) {
        throw corruptFile(path, 0, "expected the header of a rebase");
      }
      let offset: number = HEADER.size;
      for (let left = view.getUint32(HEADER.count, true); left > 0; left--) {
        const { record, end } = readSetAside(file, path, offset);
        offset = end;
        yield record;
      }
      if (offset !== file.size) {
        throw corruptFile(path, offset, `expected the end, the file has ${file.size} bytes`);
      }
    } finally {
      file.close();
    }
  }

  /** Replaces the journal, durably. @throws GraftError `io`: it is as it was */
  write(count: number, transactions: Iterable<SetAsideTransaction>): void {
    this.#shelf.write(FILE_NAME, partsOf(count, transactions));
  }

  /** Keeps a copy of a journal that is damaged, for a person to look at. */
  keepCopy(): void {
    const file = openIfThere(this.#shelf, FILE_NAME);
    if (file === undefined) return;
    try {
      const bytes = new Uint8Array(file.size);
      const count = this.#shelf.list().filter((name) => name.startsWith(COPY_NAME)).length;
      const size = file.read(bytes, 0);
      this.#shelf.write(`${COPY_NAME}${count + 1}`, [bytes.subarray(0, size)]);
    } finally {
      file.close();
    }
  }

  /** Ends the rebase, durably. */
  remove(): void {
    this.#shelf.remove(FILE_NAME);
  }
}

function* partsOf(
  count: number,
  transactions: Iterable<SetAsideTransaction>,
): Generator<Uint8Array> {
  const header = new Uint8Array(HEADER.size);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  view.setUint32(HEADER.count, count, true);
  view.setUint32(HEADER.checksum, xxh32Of(header.subarray(0, HEADER.checksum)), true);
  yield header;
  for (const transaction of transactions) {
    yield encodeSetAside({ ...transaction, replay: transaction.replay, rejection: undefined });
  }
}
