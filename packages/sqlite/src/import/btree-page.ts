/**
 * One page of a b-tree. Its header stands at byte 0 (page 1: byte 100).
 *
 * | offset | size | field                                                               |
 * |-------:|-----:|---------------------------------------------------------------------|
 * |      0 |    1 | 2 index interior, 5 table interior, 10 index leaf, 13 table leaf     |
 * |      1 |    2 | first free block, 0 for none                                         |
 * |      3 |    2 | number of cells                                                      |
 * |      5 |    2 | where the cells begin; 0 means 65536                                 |
 * |      7 |    1 | bytes in gaps too small for a free block                             |
 * |      8 |    4 | right-most child (interior pages)                                    |
 *
 * Then two bytes for each cell: where it is. Cells, free blocks and gaps fill the rest of the page
 * without overlapping, so their sizes add up.
 */
import { HEADER_SIZE, readUint32 } from "../page-one.ts";
import { recordFault } from "./record.ts";
import { readVarint, type Varint } from "./varint.ts";

export type TreeKind = "table" | "index";

/** What a page holds, after it was found sound by itself. */
export interface BtreePage {
  readonly tree: TreeKind;
  readonly isLeaf: boolean;
  readonly cells: readonly Cell[];
  /** Undefined for leaves. */
  readonly rightChild: number | undefined;
}

export interface Cell {
  /** Undefined in leaves. */
  readonly child: number | undefined;
  /** Undefined in indexes. */
  readonly rowid: number | undefined;
  /** Undefined in interior pages of tables. */
  readonly payload: Payload | undefined;
}

export interface Payload {
  readonly size: number;
  /** Where its local bytes are in the page. */
  readonly offset: number;
  readonly localSize: number;
  /** First page of the rest; undefined when all of it is local. */
  readonly overflow: number | undefined;
}

/** What is wrong with a page, as a sentence without a subject. */
export interface PageFault {
  readonly fault: string;
}

const KINDS: Readonly<Record<number, { readonly tree: TreeKind; readonly isLeaf: boolean }>> = {
  2: { tree: "index", isLeaf: false },
  5: { tree: "table", isLeaf: false },
  10: { tree: "index", isLeaf: true },
  13: { tree: "table", isLeaf: true },
};

/** A cell takes at least this much room, however small it is. */
const CELL_SIZE_MIN = 4;
const varint: Varint = { value: 0, size: 0 };

/** Takes a page apart and checks that it is sound by itself. */
export function parseBtreePage(
  bytes: Uint8Array,
  index: number,
  usableSize: number,
): BtreePage | PageFault {
  const start = index === 1 ? HEADER_SIZE : 0;
  const kind = KINDS[bytes[start] ?? 0];
  if (kind === undefined) return { fault: `type ${bytes[start]} is none of a b-tree page` };
  const cellCount = readUint16(bytes, start + 3);
  const pointers = start + (kind.isLeaf ? 8 : 12);
  const contentStart = readUint16(bytes, start + 5) || 65_536;
  if (pointers + cellCount * 2 > contentStart || contentStart > usableSize) {
    return { fault: `${cellCount} cells from byte ${contentStart} on do not fit` };
  }
  const cells: Cell[] = [];
  let used = bytes[start + 7] ?? 0;
  for (let at = 0; at < cellCount; at++) {
    const offset = readUint16(bytes, pointers + at * 2);
    if (offset < contentStart || offset > usableSize - CELL_SIZE_MIN) {
      return { fault: `cell ${at} lies at byte ${offset}, outside the page's content` };
    }
    const cell = parseCell(bytes, offset, usableSize, kind);
    if ("fault" in cell) return { fault: `cell ${at}: ${cell.fault}` };
    used += Math.max(CELL_SIZE_MIN, cell.end - offset);
    cells.push(cell.cell);
  }
  const free = sumFreeBlocks(bytes, readUint16(bytes, start + 1), contentStart, usableSize);
  if (typeof free !== "number") return free;
  if (used + free !== usableSize - contentStart) {
    return { fault: `cells and gaps take ${used + free} bytes of ${usableSize - contentStart}` };
  }
  const rightChild = kind.isLeaf ? undefined : readUint32(bytes, start + 8);
  return { ...kind, cells, rightChild };
}

function parseCell(
  bytes: Uint8Array,
  offset: number,
  usableSize: number,
  { tree, isLeaf }: { readonly tree: TreeKind; readonly isLeaf: boolean },
): { readonly cell: Cell; readonly end: number } | PageFault {
  const child = isLeaf ? undefined : readUint32(bytes, offset);
  let at = isLeaf ? offset : offset + 4;
  let size: number | undefined;
  if (tree === "index" || isLeaf) {
    size = readVarint(bytes, at, usableSize, varint).value;
    if (varint.size === 0) return { fault: "its size runs out of the page" };
    at += varint.size;
  }
  let rowid: number | undefined;
  if (tree === "table") {
    rowid = readVarint(bytes, at, usableSize, varint).value;
    if (varint.size === 0) return { fault: "its rowid runs out of the page" };
    at += varint.size;
  }
  if (size === undefined) return { cell: { child, rowid, payload: undefined }, end: at };
  const localSize = localPayloadSize(size, usableSize, tree);
  const hasOverflow = localSize < size;
  const end = at + localSize + (hasOverflow ? 4 : 0);
  if (end > usableSize) return { fault: `a payload of ${size} bytes runs out of the page` };
  const fault = recordFault(bytes, { offset: at, end: at + localSize, payloadSize: size }, varint);
  if (fault !== undefined) return { fault };
  const overflow = hasOverflow ? readUint32(bytes, at + localSize) : undefined;
  return { cell: { child, rowid, payload: { size, offset: at, localSize, overflow } }, end };
}

/**
 * How much of a payload stays on the page: all of it, or what leaves the last overflow page full.
 */
function localPayloadSize(size: number, usableSize: number, tree: TreeKind): number {
  const least = Math.floor(((usableSize - 12) * 32) / 255) - 23;
  const most = tree === "table" ? usableSize - 35 : Math.floor(((usableSize - 12) * 64) / 255) - 23;
  if (size <= most) return size;
  const local = least + ((size - least) % (usableSize - 4));
  return local <= most ? local : least;
}

/** A chain of blocks, ascending, each: next (2), size (2). */
function sumFreeBlocks(
  bytes: Uint8Array,
  first: number,
  contentStart: number,
  usableSize: number,
): number | PageFault {
  let sum = 0;
  let end = contentStart;
  for (let at = first; at !== 0; at = readUint16(bytes, at)) {
    if (at < end || at > usableSize - 4) return { fault: `a free block lies at byte ${at}` };
    const size = readUint16(bytes, at + 2);
    end = at + size;
    if (size < 4 || end > usableSize) return { fault: `the free block at byte ${at} has ${size}` };
    sum += size;
  }
  return sum;
}

function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
