import { type FileStat, type FileSystem, GraftError, type PageSize } from "@graft/core";
import { HEADER_SIZE, readUint32 } from "../page-one.ts";
import type { ByteSource } from "./byte-source.ts";
import { damaged } from "./damage.ts";
import { type FileHeader, parseFileHeader } from "./file-header.ts";
import { readWalIndex, type WalIndex } from "./wal-index.ts";

/** SQLite locks bytes from here on; the page that holds them is never written. */
const LOCK_BYTE_OFFSET = 2 ** 30;

/** A rollback journal that has something to roll back begins so. */
const JOURNAL_MAGIC = [0xd9d5_05f9, 0x20a1_63d7] as const;

/**
 * A database file at rest, with what its write-ahead log adds. Reads only; detects at the end
 * whether somebody else wrote meanwhile.
 */
export class DatabaseFile {
  readonly path: string;
  /** Of the newest committed page 1. */
  readonly header: FileHeader;
  readonly pageSize: PageSize;
  readonly pageCount: number;
  readonly #fileSystem: FileSystem;
  readonly #main: ByteSource;
  readonly #wal: ByteSource | undefined;
  readonly #walIndex: WalIndex | undefined;
  readonly #stats: readonly (FileStat | undefined)[];

  private constructor(fileSystem: FileSystem, path: string, sources: Sources) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.#main = sources.main;
    this.#wal = sources.wal;
    this.#stats = this.#statFiles();
    const first = readFirst(path, sources.main);
    this.pageSize = first.pageSize;
    this.#walIndex =
      sources.wal === undefined ? undefined : readWalIndex(sources.wal, this.pageSize);
    this.header = this.#walIndex?.offsets.has(1) === true ? this.#readLoggedHeader() : first;
    this.pageCount = this.#countPages();
  }

  /**
   * Opens a database and its `-wal`. Close it.
   *
   * @throws GraftError `not-found`, `io` · `invalid-argument`: not SQLite, empty, or in need of a
   *   rollback · `corrupt`: cut off or damaged
   */
  static open(fileSystem: FileSystem, path: string): DatabaseFile {
    if (fileSystem.stat(path)?.kind === "directory") {
      throw new GraftError("invalid-argument", `"${path}" is a directory, not a SQLite database`);
    }
    const main = fileSystem.open(path, "read");
    let wal: ByteSource | undefined;
    try {
      refuseHotJournal(fileSystem, path);
      wal = openIfThere(fileSystem, `${path}-wal`);
      return new DatabaseFile(fileSystem, path, { main, wal });
    } catch (error) {
      main.close();
      wal?.close();
      throw error;
    }
  }

  /**
   * The page that SQLite's locks lie on: it holds nothing. 0 when the file does not reach so far.
   */
  get lockPage(): number {
    const index = LOCK_BYTE_OFFSET / this.pageSize + 1;
    return index <= this.pageCount ? index : 0;
  }

  /**
   * Fills `target`, of page size, with a page. @throws GraftError `corrupt`: the file ends before
   * it
   */
  readPage(index: number, target: Uint8Array): void {
    if (this.#readPart(index, target) === this.pageSize) return;
    throw damaged(this.path, index, `the file ends before it (${this.pageCount} pages expected)`);
  }

  /**
   * Fills `target` with as many whole pages from `first` on as fit and exist; answers how many. A
   * page that only its log could hold, and that was freed before it was ever written, reads as
   * zeros.
   */
  readPages(first: number, target: Uint8Array): number {
    const count = Math.min(target.length / this.pageSize, this.pageCount - first + 1);
    const wanted = count * this.pageSize;
    const read = this.#main.read(target.subarray(0, wanted), (first - 1) * this.pageSize);
    for (let at = 0; at < count; at++) {
      const isLogged = this.#walIndex?.offsets.has(first + at) === true;
      if (!isLogged && (at + 1) * this.pageSize <= read) continue;
      const page = target.subarray(at * this.pageSize, (at + 1) * this.pageSize);
      if (this.#walIndex === undefined) this.readPage(first + at, page);
      else page.fill(0, this.#readPart(first + at, page));
    }
    return count;
  }

  /** @throws GraftError `busy`: the files are not those that were opened any more */
  mustBeUnchanged(): void {
    const now = this.#statFiles();
    const isSame = this.#stats.every((stat, at) => describe(stat) === describe(now[at]));
    if (isSame) return;
    throw new GraftError(
      "busy",
      `"${this.path}" was changed while it was read: stop what writes to it, and try again`,
      { details: { path: this.path } },
    );
  }

  close(): void {
    this.#main.close();
    this.#wal?.close();
  }

  #readPart(index: number, target: Uint8Array): number {
    const logged = this.#walIndex?.offsets.get(index);
    return logged === undefined
      ? this.#main.read(target, (index - 1) * this.pageSize)
      : (this.#wal?.read(target, logged) ?? 0);
  }

  #readLoggedHeader(): FileHeader {
    const page = new Uint8Array(this.pageSize);
    const logged = this.#walIndex?.offsets.get(1) ?? 0;
    this.#wal?.read(page, logged);
    return parseFileHeader(this.path, page);
  }

  /** By the log, else by the header, else (an old writer) by the size of the file. */
  #countPages(): number {
    const size = this.#main.size();
    const held = Math.floor(size / this.pageSize);
    if (this.#walIndex !== undefined) return this.#countLoggedPages(this.#walIndex, held);
    const count = this.header.statedPageCount ?? held;
    if (held < count) {
      throw damaged(
        this.path,
        held + 1,
        `the file is cut off: ${count} pages of ${this.pageSize} bytes expected, it has ${size} bytes`,
      );
    }
    return count;
  }

  /**
   * A page that is neither in the file nor in the log was freed before it was written, and a page
   * of the freelist names it: four bytes each. A log that says more would be walked for hours.
   */
  #countLoggedPages({ pageCount, offsets }: WalIndex, held: number): number {
    const countMax = ((held + offsets.size) * this.pageSize) / 4;
    if (pageCount <= countMax) return pageCount;
    throw damaged(
      this.path,
      1,
      `its log says ${pageCount} pages, file and log together cannot name more than ${countMax}`,
    );
  }

  #statFiles(): (FileStat | undefined)[] {
    return ["", "-wal"].map((suffix) => this.#fileSystem.stat(`${this.path}${suffix}`));
  }
}

interface Sources {
  readonly main: ByteSource;
  readonly wal: ByteSource | undefined;
}

function describe(stat: FileStat | undefined): string {
  return stat === undefined ? "" : `${stat.identity} ${stat.size} ${stat.modifiedMs}`;
}

function readFirst(path: string, main: ByteSource): FileHeader {
  const bytes = new Uint8Array(HEADER_SIZE);
  const count = main.read(bytes, 0);
  if (count === 0) {
    throw new GraftError("invalid-argument", `"${path}" is empty: there is nothing to import`);
  }
  return parseFileHeader(path, bytes.subarray(0, count));
}

function openIfThere(fileSystem: FileSystem, path: string): ByteSource | undefined {
  return fileSystem.stat(path)?.kind === "file" ? fileSystem.open(path, "read") : undefined;
}

/** Its database has half a transaction in it, and only the journal can take that back. */
function refuseHotJournal(fileSystem: FileSystem, path: string): void {
  const journal = openIfThere(fileSystem, `${path}-journal`);
  if (journal === undefined) return;
  try {
    const magic = new Uint8Array(8);
    journal.read(magic, 0);
    if (readUint32(magic, 0) !== JOURNAL_MAGIC[0] || readUint32(magic, 4) !== JOURNAL_MAGIC[1])
      return;
  } finally {
    journal.close();
  }
  throw new GraftError(
    "invalid-argument",
    `"${path}" has a transaction that was interrupted (its rollback journal lies beside it): ` +
      `open it once with sqlite3, or wait for the program that writes to it, then import it`,
    { details: { path } },
  );
}
