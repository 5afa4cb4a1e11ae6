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

/** Rowids of a subtree lie above `low` and up to `high`. */
export interface RowidBounds {
  readonly low: number;
  readonly high: number;
}

/** What a page leads to, after it was found sound by itself. */
export interface BtreePage {
  readonly tree: TreeKind;
  readonly isLeaf: boolean;
  /** Left to right; none in leaves. */
  readonly children: readonly ChildPage[];
  /** Payloads that go on elsewhere. */
  readonly overflows: readonly Payload[];
  /** Payloads of all cells, if they were asked for. */
  readonly payloads: readonly Payload[];
}

export interface ChildPage extends RowidBounds {
  readonly page: number;
}

export interface Payload {
  readonly size: number;
  /** Where its local bytes are in the page. */
  readonly offset: number;
  readonly localSize: number;
  /** First page of the rest; 0 when all of it is local. */
  readonly overflow: number;
}

/** What is wrong with a page, as a sentence without a subject. */
export interface PageFault {
  readonly fault: string;
}

export interface ParseRequest {
  readonly bytes: Uint8Array;
  readonly index: number;
  readonly usableSize: number;
  readonly bounds: RowidBounds;
  readonly wantsPayloads: boolean;
}

interface PageKind {
  readonly tree: TreeKind;
  readonly isLeaf: boolean;
}

const KINDS: Readonly<Record<number, PageKind>> = {
  2: { tree: "index", isLeaf: false },
  5: { tree: "table", isLeaf: false },
  10: { tree: "index", isLeaf: true },
  13: { tree: "table", isLeaf: true },
};

/** A cell takes at least this much room, however small it is. */
const CELL_SIZE_MIN = 4;

/** Takes a page apart and checks that it is sound by itself. */
export function parseBtreePage(request: ParseRequest): BtreePage | PageFault {
  const { bytes, index, usableSize } = request;
  const start = index === 1 ? HEADER_SIZE : 0;
  const kind = KINDS[bytes[start] ?? 0];
  if (kind === undefined) return { fault: `type ${bytes[start]} is none of a b-tree page` };
  const cellCount = readUint16(bytes, start + 3);
  const pointers = start + (kind.isLeaf ? 8 : 12);
  const contentStart = readUint16(bytes, start + 5) || 65_536;
  if (pointers + cellCount * 2 > contentStart || contentStart > usableSize) {
    return { fault: `${cellCount} cells from byte ${contentStart} on do not fit` };
  }
  const free = sumFreeBlocks(bytes, readUint16(bytes, start + 1), contentStart, usableSize);
  if (typeof free !== "number") return free;
  const reader = new CellReader(request, kind);
  let used = free + (bytes[start + 7] ?? 0);
  for (let at = 0; at < cellCount; at++) {
    const offset = readUint16(bytes, pointers + at * 2);
    if (offset < contentStart || offset > usableSize - CELL_SIZE_MIN) {
      return { fault: `cell ${at} lies at byte ${offset}, outside the page's content` };
    }
    const size = reader.read(offset);
    if (typeof size === "string") return { fault: `cell ${at}: ${size}` };
    used += Math.max(CELL_SIZE_MIN, size);
  }
  if (used !== usableSize - contentStart) {
    return { fault: `cells and gaps take ${used} bytes of ${usableSize - contentStart}` };
  }
  return reader.finish(kind.isLeaf ? 0 : readUint32(bytes, start + 8));
}

/**
 * Reads the cells of one page in order. It keeps only what leads elsewhere: there are many cells.
 */
class CellReader {
  readonly #request: ParseRequest;
  readonly #kind: PageKind;
  readonly #varint: Varint = { value: 0, size: 0 };
  readonly #children: ChildPage[] = [];
  readonly #overflows: Payload[] = [];
  readonly #payloads: Payload[] = [];
  #previousRowid: number;

  constructor(request: ParseRequest, kind: PageKind) {
    this.#request = request;
    this.#kind = kind;
    this.#previousRowid = request.bounds.low;
  }

  /** The size of the cell at `offset`, or what is wrong with it. */
  read(offset: number): number | string {
    const { bytes, usableSize, bounds } = this.#request;
    const { tree, isLeaf } = this.#kind;
    const varint = this.#varint;
    let at = isLeaf ? offset : offset + 4;
    let payloadSize = -1;
    if (tree === "index" || isLeaf) {
      payloadSize = readVarint(bytes, at, usableSize, varint).value;
      if (varint.size === 0) return "its size runs out of the page";
      at += varint.size;
    }
    const low = this.#previousRowid;
    if (tree === "table") {
      const rowid = readVarint(bytes, at, usableSize, varint).value;
      if (varint.size === 0) return "its rowid runs out of the page";
      if (!this.#isInOrder(rowid)) return `rowid ${rowid} is out of order`;
      at += varint.size;
    }
    if (!isLeaf) {
      const high = tree === "table" ? this.#previousRowid : bounds.high;
      this.#children.push({ page: readUint32(bytes, offset), low, high });
    }
    return payloadSize < 0 ? at - offset : this.#readPayload(offset, at, payloadSize);
  }

  finish(rightChild: number): BtreePage {
    const { high } = this.#request.bounds;
    if (!this.#kind.isLeaf) {
      this.#children.push({ page: rightChild, low: this.#previousRowid, high });
    }
    return {
      ...this.#kind,
      children: this.#children,
      overflows: this.#overflows,
      payloads: this.#payloads,
    };
  }

  #readPayload(cell: number, offset: number, size: number): number | string {
    const { bytes, usableSize, wantsPayloads } = this.#request;
    const localSize = localPayloadSize(size, usableSize, this.#kind.tree);
    const hasOverflow = localSize < size;
    const end = offset + localSize;
    if (end + (hasOverflow ? 4 : 0) > usableSize) {
      return `a payload of ${size} bytes runs out of the page`;
    }
    const fault = recordFault(bytes, offset, end, size, this.#varint);
    if (fault !== undefined) return fault;
    if (hasOverflow || wantsPayloads) {
      const overflow = hasOverflow ? readUint32(bytes, end) : 0;
      const payload = { size, offset, localSize, overflow };
      if (hasOverflow) this.#overflows.push(payload);
      if (wantsPayloads) this.#payloads.push(payload);
    }
    return end + (hasOverflow ? 4 : 0) - cell;
  }

  /** Beyond 2^53 two rowids may look alike. */
  #isInOrder(rowid: number): boolean {
    const previous = this.#previousRowid;
    this.#previousRowid = rowid;
    if (rowid > this.#request.bounds.high) return false;
    return rowid > previous || (rowid === previous && !Number.isSafeInteger(rowid));
  }
}

/** How much of a payload stays on the page: all, or what leaves the last overflow page full. */
function localPayloadSize(size: number, usableSize: number, tree: TreeKind): number {
  const most = tree === "table" ? usableSize - 35 : Math.floor(((usableSize - 12) * 64) / 255) - 23;
  if (size <= most) return size;
  const least = Math.floor(((usableSize - 12) * 32) / 255) - 23;
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
