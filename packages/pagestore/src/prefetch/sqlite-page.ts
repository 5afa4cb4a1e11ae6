/**
 * What a page of a SQLite database is, by its bytes. Nothing here trusts them: whatever they are,
 * it answers, and reads nothing outside of them.
 *
 * Page 1 begins with the header of the file:
 *
 * | offset | size | field |
 * |-------:|-----:|---------------------------------------------|
 * | 0 | 16 | `SQLite format 3\0` |
 * | 16 | 2 | page size; 1 means 65536 |
 * | 20 | 1 | bytes that SQLite leaves alone at the end of each page |
 * | 52 | 4 | not 0: there are pointer maps |
 *
 * and a page of a b-tree (page 1: at byte 100) with its own:
 *
 * | offset | size | field |
 * |-------:|-----:|---------------------------------------------------------------|
 * | 0 | 1 | 2 index interior, 5 table interior, 10 index leaf, 13 table leaf |
 * | 3 | 2 | number of cells |
 * | 8 | 4 | right-most child (interior pages) |
 *
 * Then two bytes for each cell: where it is.
 */
const MAGIC: Uint8Array = new TextEncoder().encode("SQLite format 3\0");
const FILE_HEADER_SIZE = 100;
const RESERVED_MAX = 255;
const USABLE_SIZE_MIN = 480;

/** What is needed of the header of the file. */
export interface DatabaseHeader {
  readonly pageSize: number;
  /** Bytes of a page that SQLite uses. */
  readonly usableSize: number;
  readonly hasPointerMaps: boolean;
}

/** Undefined when page 1 is not that of a SQLite database with pages of its own size. */
export function readDatabaseHeader(pageOne: Uint8Array): DatabaseHeader | undefined {
  if (pageOne.length < 512 || MAGIC.some((byte, at) => pageOne[at] !== byte)) return undefined;
  const pageSize = readUint16(pageOne, 16) === 1 ? 65_536 : readUint16(pageOne, 16);
  const usableSize = pageSize - (pageOne[20] ?? RESERVED_MAX);
  if (pageSize !== pageOne.length || usableSize < USABLE_SIZE_MIN) return undefined;
  return { pageSize, usableSize, hasPointerMaps: readUint32(pageOne, 52) !== 0 };
}

/**
 * "other" is a page of an overflow chain or of the list of free pages, or no page of SQLite at all:
 * these begin with the number of a further page, and can only be told apart by who names them.
 */
export type PageClass =
  | "table-interior"
  | "table-leaf"
  | "index-interior"
  | "index-leaf"
  | "pointer-map"
  | "other";

const CLASSES: Readonly<Record<number, PageClass>> = {
  2: "index-interior",
  5: "table-interior",
  10: "index-leaf",
  13: "table-leaf",
};

/** @param index where the page is in its database, 1 and up */
export function classifyPage(page: Uint8Array, index: number, header: DatabaseHeader): PageClass {
  if (header.hasPointerMaps && isPointerMap(index, header.usableSize)) return "pointer-map";
  return readTreePage(page, index)?.class ?? "other";
}

/** The one at page 2 has 5 bytes for each page that follows it; after those comes the next. */
function isPointerMap(index: number, usableSize: number): boolean {
  const group = Math.floor(usableSize / 5) + 1;
  return index >= 2 && (index - 2) % group === 0;
}

/** A page that can be one of a b-tree. */
export interface TreePage {
  readonly class: PageClass;
  readonly isLeaf: boolean;
  readonly cellCount: number;
  /** Byte at which the pointers to cells begin. */
  readonly pointersStart: number;
}

/** Undefined when it is none: its type is not one, or its cells cannot be in it. */
export function readTreePage(page: Uint8Array, index: number): TreePage | undefined {
  const start = index === 1 ? FILE_HEADER_SIZE : 0;
  const type = page[start] ?? 0;
  const kind = CLASSES[type];
  if (kind === undefined) return undefined;
  const isLeaf = type >= 10;
  const cellCount = readUint16(page, start + 3);
  const pointersStart = start + (isLeaf ? 8 : 12);
  if (pointersStart + 2 * cellCount > page.length) return undefined;
  return { class: kind, isLeaf, cellCount, pointersStart };
}

/**
 * The pages that an interior page leads to, in the order of their keys, as it says: they may be
 * anything. Empty for every other page.
 */
export function readChildren(page: Uint8Array, index: number): readonly number[] {
  const tree = readTreePage(page, index);
  if (tree === undefined || tree.isLeaf) return [];
  const children: number[] = [];
  for (let at = 0; at < tree.cellCount; at++) {
    children.push(readUint32(page, cellOffset(page, tree, at)));
  }
  children.push(readUint32(page, tree.pointersStart - 4));
  return children;
}

/** Where the payload of a leaf's cell is. */
export interface LeafPayload {
  readonly start: number;
  readonly size: number;
  /** Bytes of it that are on the page. */
  readonly localSize: number;
  /** First page of the rest; 0 when all of it is here. */
  readonly overflow: number;
}

/** The rows of a table's leaf, as far as they can be read. Empty for every other page. */
export function readTableRows(
  page: Uint8Array,
  index: number,
  { usableSize }: DatabaseHeader,
): readonly LeafPayload[] {
  const tree = readTreePage(page, index);
  if (tree?.class !== "table-leaf") return [];
  const rows: LeafPayload[] = [];
  for (let at = 0; at < tree.cellCount; at++) {
    const offset = cellOffset(page, tree, at);
    const size = readVarint(page, offset);
    const rowid = readVarint(page, offset + size.size);
    const start = offset + size.size + rowid.size;
    const localSize = localPayloadSize(size.value, usableSize);
    const isWhole = localSize === size.value;
    if (size.size === 0 || rowid.size === 0 || start + localSize > page.length) continue;
    const overflow = isWhole ? 0 : readUint32(page, start + localSize);
    rows.push({ start, size: size.value, localSize, overflow });
  }
  return rows;
}

/** The root page that a row of `sqlite_schema` names; undefined where it names none. */
export function readRootPage(page: Uint8Array, row: LeafPayload): number | undefined {
  const end = row.start + row.localSize;
  const header = readVarint(page, row.start);
  const headerEnd = row.start + header.value;
  if (header.size === 0 || headerEnd > end) return undefined;
  let typeAt = row.start + header.size;
  let valueAt = headerEnd;
  // type, name, tbl_name, rootpage
  for (let column = 0; typeAt < headerEnd; column++) {
    const type = readVarint(page, typeAt);
    if (type.size === 0) return undefined;
    if (column === 3) return readInteger(page, valueAt, end, type.value);
    typeAt += type.size;
    valueAt += valueSize(type.value);
  }
  return undefined;
}

/** The page after one of an overflow chain; 0 after the last. */
export function readNextOverflow(page: Uint8Array): number {
  return readUint32(page, 0);
}

/** How much of a row stays on its leaf: all, or what leaves the last overflow page full. */
function localPayloadSize(size: number, usableSize: number): number {
  if (size <= usableSize - 35) return size;
  const least = Math.floor(((usableSize - 12) * 32) / 255) - 23;
  const local = least + ((size - least) % (usableSize - 4));
  return local <= usableSize - 35 ? local : least;
}

function cellOffset(page: Uint8Array, tree: TreePage, at: number): number {
  return readUint16(page, tree.pointersStart + 2 * at);
}

const VALUE_SIZES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;

function valueSize(type: number): number {
  return type >= 12 ? Math.floor((type - 12) / 2) : (VALUE_SIZES[type] ?? 0);
}

/** A non-negative integer of up to four bytes: page numbers are no greater. */
function readInteger(page: Uint8Array, at: number, end: number, type: number): number | undefined {
  if (type < 1 || type > 4 || at + type > end) return undefined;
  let value = 0;
  for (let byte = 0; byte < type; byte++) value = value * 256 + (page[at + byte] ?? 0);
  return value;
}

/** SQLite's varint; size 0 when it runs out of the page. Exact up to 2^53. */
function readVarint(
  page: Uint8Array,
  offset: number,
): { readonly value: number; readonly size: number } {
  let value = 0;
  for (let size = 1; size <= 9; size++) {
    const byte = page[offset + size - 1];
    if (byte === undefined) break;
    if (size === 9) return { value: value * 256 + byte, size };
    value = value * 128 + (byte % 128);
    if (byte < 128) return { value, size };
  }
  return { value: 0, size: 0 };
}

/** 0 beyond the end. */
function readUint16(page: Uint8Array, offset: number): number {
  return (page[offset] ?? 0) * 256 + (page[offset + 1] ?? 0);
}

/** 0 beyond the end. */
function readUint32(page: Uint8Array, offset: number): number {
  return readUint16(page, offset) * 65_536 + readUint16(page, offset + 2);
}
