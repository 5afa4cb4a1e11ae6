import {
  type Clock,
  type FileSystem,
  isZero,
  type Page,
  type PageCount,
  type PageSize,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import { HEADER, maskPageOne, writeUint32 } from "../page-one.ts";
import { checkDatabase } from "./check-database.ts";
import { DatabaseFile } from "./database-file.ts";
import { importWarnings } from "./modules.ts";

/** Bytes of pages read at once. */
const BATCH_SIZE = 1024 * 1024;

export interface OpenImportOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly path: string;
  readonly signal?: AbortSignal;
  /** The check reads the file once before any page is handed out. */
  readonly onCheckProgress?: (checkedPageCount: number) => void;
}

/** A database file that was found sound. Close it. */
export interface ImportSource extends Disposable {
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  /** What will not work on the imported database here: tables of unknown modules, UTF-16. */
  readonly warnings: readonly string[];
  /**
   * The pages in their stored form, ascending, pages of zeros left out: what a volume's first
   * commit is made of. They may be gone through again. The bytes of a page are good until the next
   * one is asked for. Throws `busy` at the end when the file was changed meanwhile, and `io`.
   */
  pages(): Iterable<Page>;
  close(): void;
}

/**
 * Opens any SQLite database for import: every page size, rollback mode or WAL (with the `-wal`
 * beside it), auto-vacuum, reserved bytes. Nothing is written to it.
 *
 * @throws GraftError `not-found`, `io` · `invalid-argument`: not SQLite, empty, or a transaction in
 *   it was interrupted · `corrupt`: cut off or damaged, with `details.page`
 */
export async function openImport(options: OpenImportOptions): Promise<ImportSource> {
  const file = DatabaseFile.open(options.fileSystem, options.path);
  try {
    const { schema } = await checkDatabase(file, {
      clock: options.clock,
      ...(options.signal !== undefined && { signal: options.signal }),
      ...(options.onCheckProgress !== undefined && { onProgress: options.onCheckProgress }),
    });
    return {
      pageSize: file.pageSize,
      pageCount: toPageCount(file.pageCount),
      warnings: importWarnings(file.header, schema),
      pages: () => ({ [Symbol.iterator]: () => readPages(file) }),
      close: () => file.close(),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function* readPages(file: DatabaseFile): Generator<Page> {
  const { pageSize, pageCount, lockPage } = file;
  const batch = new Uint8Array(BATCH_SIZE);
  for (let first = 1; first <= pageCount; ) {
    const count = file.readPages(first, batch);
    for (let at = 0; at < count; at++) {
      const index = first + at;
      const data = batch.subarray(at * pageSize, (at + 1) * pageSize);
      if (index === 1) storePageOne(data, pageCount);
      if (index !== lockPage && !isZero(data)) yield { index: toPageIndex(index), data };
    }
    first += count;
  }
  file.mustBeUnchanged();
}

/** Page 1 as every client can open it: no WAL, a page count that holds, nobody's counters. */
function storePageOne(page: Uint8Array, pageCount: number): void {
  page[HEADER.writeVersion] = 1;
  page[HEADER.readVersion] = 1;
  writeUint32(page, HEADER.pageCount, pageCount);
  maskPageOne(page);
}
