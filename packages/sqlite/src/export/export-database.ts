import type { Progress, VolumeReader } from "@graft/client";
import {
  encodeHex,
  type File,
  type FileSystem,
  GraftError,
  type PageIndex,
  pageRange,
  type Random,
  randomBytes,
} from "@graft/core";
import { unmaskPageOne } from "../page-one.ts";

/** Bytes of pages fetched and written at once. */
const BATCH_SIZE = 4 * 1024 * 1024;

/** SQLite never stores anything on the page that begins here, and never asks for it. */
const LOCK_BYTE_OFFSET = 2 ** 30;

export interface ExportOptions {
  readonly reader: VolumeReader;
  readonly fileSystem: FileSystem;
  readonly random: Random;
  readonly path: string;
  /** Whether a file at the path may be replaced. Default false. */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface ExportResult {
  readonly pages: number;
  readonly bytes: number;
}

/**
 * Writes a snapshot as a plain SQLite file that any SQLite opens. The file appears whole, durably,
 * or not at all. Pages that are not here are fetched, in ascending order.
 *
 * @throws GraftError `busy`: there is a file, and `replace` is not set, or a journal or WAL lies
 *   beside it · `io` · `unavailable`, … of the fetch
 */
export async function exportDatabase(options: ExportOptions): Promise<ExportResult> {
  const { fileSystem, reader, path } = options;
  refuseTarget(fileSystem, path, options.replace ?? false);
  const temporary = `${path}.${encodeHex(randomBytes(options.random, 8))}.tmp`;
  try {
    const file = fileSystem.open(temporary, "create-new");
    try {
      await writePages(file, options);
      file.sync();
    } finally {
      file.close();
    }
    refuseTarget(fileSystem, path, options.replace ?? false);
    fileSystem.rename(temporary, path);
    fileSystem.syncDirectory(directoryOf(path));
  } catch (error) {
    fileSystem.remove(temporary);
    throw error;
  }
  return { pages: reader.pageCount, bytes: reader.pageCount * reader.pageSize };
}

async function writePages(file: File, options: ExportOptions): Promise<void> {
  const { reader, signal } = options;
  const { pageSize, pageCount } = reader;
  const batchCount = BATCH_SIZE / pageSize;
  const batch = new Uint8Array(BATCH_SIZE);
  for (let first = 1; first <= pageCount; first += batchCount) {
    signal?.throwIfAborted();
    const last = Math.min(first + batchCount - 1, pageCount);
    await reader.fetch(pagesBetween(first, last, pageSize), signal);
    for (let index = first; index <= last; index++) {
      await readPage(reader, index, batch.subarray((index - first) * pageSize), signal);
    }
    file.write(batch.subarray(0, (last - first + 1) * pageSize), (first - 1) * pageSize);
    options.onProgress?.({ done: last, total: pageCount });
  }
}

async function readPage(
  reader: VolumeReader,
  index: number,
  rest: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const target = rest.subarray(0, reader.pageSize);
  if (isLockPage(index, reader.pageSize)) {
    target.fill(0);
    return;
  }
  // A page that was fetched may be evicted, or found damaged, before it is read.
  while (!reader.read(index as PageIndex, target)) {
    await reader.fetch(pageRange(index, index), signal);
  }
  if (index === 1) unmaskPageOne(target, reader.version);
}

function pagesBetween(first: number, last: number, pageSize: number): ReturnType<typeof pageRange> {
  const pages = pageRange(first, last);
  const lockPage = LOCK_BYTE_OFFSET / pageSize + 1;
  if (lockPage >= first && lockPage <= last) pages.remove(lockPage);
  return pages;
}

function isLockPage(index: number, pageSize: number): boolean {
  return index === LOCK_BYTE_OFFSET / pageSize + 1;
}

/** A journal or WAL of another database would be applied to the new file by whoever opens it. */
function refuseTarget(fileSystem: FileSystem, path: string, replace: boolean): void {
  const isThere = (suffix: string): boolean => fileSystem.stat(`${path}${suffix}`) !== undefined;
  const suffix = ["-wal", "-journal"].find(isThere);
  if (suffix !== undefined) {
    throw new GraftError(
      "busy",
      `"${path}${suffix}" exists: a database there is in use; export to another file`,
    );
  }
  if (replace && fileSystem.stat(path)?.kind === "directory") {
    throw new GraftError("invalid-argument", `"${path}" is a directory: name a file`);
  }
  if (!replace && isThere("")) {
    throw new GraftError("busy", `"${path}" exists: name another file, or allow it to be replaced`);
  }
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
