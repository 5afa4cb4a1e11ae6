/**
 * The first 100 bytes of page 1. All integers are big-endian.
 *
 * | offset | size | field                          | offset | size | field                      |
 * |--------|------|--------------------------------|--------|------|----------------------------|
 * | 0      | 16   | `SQLite format 3`, zero        | 52     | 4    | largest root (auto-vacuum) |
 * | 16     | 2    | page size; 1 = 65536           | 56     | 4    | text encoding              |
 * | 18, 19 | 1, 1 | write and read version         | 60     | 4    | user version               |
 * | 20     | 1    | reserved bytes of each page    | 64     | 4    | incremental vacuum         |
 * | 24     | 4    | change counter                 | 68     | 4    | application id             |
 * | 28     | 4    | page count                     | 92     | 4    | version-valid-for          |
 * | 32, 36 | 4, 4 | first freelist trunk, how many | 96     | 4    | SQLite version             |
 * | 40, 44 | 4, 4 | schema cookie, schema format   |        |      |                            |
 */
import type { Facts } from "../facts.ts";

export const DATABASE_HEADER_SIZE = 100;
const MAGIC = new TextEncoder().encode("SQLite format 3\0");
const ENCODINGS: Readonly<Record<number, string>> = { 1: "UTF-8", 2: "UTF-16le", 3: "UTF-16be" };
const JOURNALS: Readonly<Record<number, string>> = { 1: "rollback", 2: "WAL" };

/** What the rest of the file hangs on. */
export interface DatabaseHeader {
  readonly pageSize: number;
  /** Bytes at the end of each page that SQLite does not use. */
  readonly reservedSize: number;
  readonly pageCount: number;
  /** 0: none. */
  readonly firstTrunk: number;
  readonly freelistCount: number;
  /** 0: no auto-vacuum, and no pointer-map pages. */
  readonly largestRoot: number;
  readonly facts: Facts;
}

/** Whether a page 1 or a database file begins here. */
export function isDatabase(bytes: Uint8Array): boolean {
  return bytes.length >= DATABASE_HEADER_SIZE && MAGIC.every((byte, at) => bytes[at] === byte);
}

/** @param bytes the first 100 bytes at least; `isDatabase` said yes */
export function decodeDatabaseHeader(bytes: Uint8Array): DatabaseHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint16(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  const reservedSize = view.getUint8(20);
  const [pageCount, firstTrunk, freelistCount, largestRoot] = [28, 32, 36, 52].map((at) =>
    view.getUint32(at),
  ) as [number, number, number, number];
  const number = (at: number): number => view.getUint32(at);
  const facts: Facts = {
    pageSize,
    pageCount,
    reservedBytes: reservedSize,
    journal: `write ${versionText(view.getUint8(18))}, read ${versionText(view.getUint8(19))}`,
    encoding: ENCODINGS[number(56)] ?? `${number(56)}, which is none`,
    autoVacuum: vacuumText(largestRoot, number(64)),
    freelist: freelistCount === 0 ? "empty" : `${freelistCount} pages, first trunk ${firstTrunk}`,
    schemaCookie: number(40),
    schemaFormat: number(44),
    cacheSize: view.getInt32(48),
    userVersion: view.getInt32(60),
    applicationId: view.getInt32(68),
    changeCounter: number(24),
    versionValidFor: number(92),
    sqliteVersion: sqliteVersionText(number(96)),
  };
  return { pageSize, reservedSize, pageCount, firstTrunk, freelistCount, largestRoot, facts };
}

function versionText(version: number): string {
  return `${version} (${JOURNALS[version] ?? "unknown"})`;
}

function vacuumText(largestRoot: number, isIncremental: number): string {
  if (largestRoot === 0) return "none";
  return `${isIncremental === 0 ? "full" : "incremental"}, largest root ${largestRoot}`;
}

/** 3046001 → "3.46.1". */
function sqliteVersionText(version: number): string {
  const [major, minor] = [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000];
  return `${major}.${minor}.${version % 1000}`;
}
