/**
 * An interior page of a SQLite b-tree, without loss in a form that compresses to a fifth of what
 * the page does: pages of a tree stand in a row, and so do keys, so that the differences are small
 * and alike, while the page spreads them over cells and pointers.
 *
 * | bytes | meaning |
 * |---|---|
 * | 12 | the page's header |
 * | signed varint a cell | where it lies, less where it would lie just below the one before |
 * | signed varint a cell | child page, less the one before |
 * | table: signed varint a cell | its key, less the one before |
 * | index: signed varint a cell | bytes after the child, less those of the one before |
 * | index | these bytes: the first of each cell, the second of each, …, each less the one before |
 * | the rest | all bytes of the page that are in no cell and no pointer: what is left there of older
 * cells, in columns as wide as the last cell is, each byte less the one before |
 *
 * What it does not understand it does not pack: whatever is packed was unpacked and compared.
 */
import { ByteReader, BytesError, equalBytes } from "@graft/core";
import { keyBytes, pushSigned, readKey, readSigned } from "./varints.ts";

const TYPE_INDEX = 2;
const TYPE_TABLE = 5;
const HEADER_SIZE = 12;
const CHILD_SIZE = 4;

/** A cell: its child page, and what follows it. */
interface Cell {
  readonly offset: number;
  readonly child: number;
  readonly body: readonly number[] | Uint8Array;
}

/** The packed page; undefined when it is no interior page, or none that packs. */
export function packInteriorPage(page: Uint8Array): Uint8Array | undefined {
  const cells = readCells(page);
  if (cells === undefined) return undefined;
  const out: number[] = [...page.subarray(0, HEADER_SIZE)];
  pushSurprises(out, cells, page.length);
  pushDifferences(out, cells, ({ child }) => child);
  if (page[0] === TYPE_TABLE) pushDifferences(out, cells, keyOf);
  else pushBodies(out, cells);
  let before = 0;
  for (const at of gapOrder(cells, page.length)) {
    out.push(((page[at] ?? 0) - before) & 0xff);
    before = page[at] ?? 0;
  }
  const packed = Uint8Array.from(out);
  return unpacksTo(packed, page) ? packed : undefined;
}

/** Reads what `packInteriorPage` wrote. @throws BytesError */
export function unpackInteriorPage(reader: ByteReader, pageSize: number): Uint8Array {
  const page = new Uint8Array(pageSize);
  page.set(reader.bytes(HEADER_SIZE));
  const view = new DataView(page.buffer);
  const count = view.getUint16(3);
  const pointersEnd = HEADER_SIZE + 2 * count;
  if (pointersEnd > pageSize) throw new BytesError(`${count} cells do not fit`, reader.offset);
  const surprises = readNumbers(reader, count, { differ: false });
  const children = readNumbers(reader, count, { differ: true });
  const bodies =
    page[0] === TYPE_TABLE ? readKeys(reader, count) : readBodies(reader, count, pageSize);
  const cells: Cell[] = [];
  let below = pageSize;
  for (let at = 0; at < count; at++) {
    const body = bodies[at] ?? [];
    const offset = below - CHILD_SIZE - body.length + (surprises[at] ?? 0);
    const child = children[at] ?? 0;
    const isInPage = offset >= pointersEnd && offset + CHILD_SIZE + body.length <= pageSize;
    if (!isInPage || child < 0 || child > 0xffff_ffff) {
      throw new BytesError(`cell ${at} at ${offset} does not fit`, reader.offset);
    }
    view.setUint16(HEADER_SIZE + 2 * at, offset);
    view.setUint32(offset, child);
    page.set(body, offset + CHILD_SIZE);
    cells.push({ offset, child, body });
    below = offset;
  }
  let before = 0;
  for (const at of gapOrder(cells, pageSize)) {
    before = (before + reader.u8()) & 0xff;
    page[at] = before;
  }
  return page;
}

function readCells(page: Uint8Array): readonly Cell[] | undefined {
  const type = page[0];
  if (type !== TYPE_INDEX && type !== TYPE_TABLE) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const count = view.getUint16(3);
  if (HEADER_SIZE + 2 * count > page.length) return undefined;
  const offsets = Array.from({ length: count }, (_, at) => view.getUint16(HEADER_SIZE + 2 * at));
  const ends = type === TYPE_TABLE ? undefined : endsOf(offsets, page.length);
  const cells: Cell[] = [];
  for (const offset of offsets) {
    if (offset < HEADER_SIZE + 2 * count || offset + CHILD_SIZE > page.length) return undefined;
    const start = offset + CHILD_SIZE;
    const size = ends === undefined ? readKey(page, start)?.size : (ends.get(offset) ?? 0) - start;
    if (size === undefined || size < 0) return undefined;
    cells.push({ offset, child: view.getUint32(offset), body: page.subarray(start, start + size) });
  }
  return cells;
}

/** A cell of an index is taken to reach to the next one: what lies between is part of it. */
function endsOf(offsets: readonly number[], pageSize: number): ReadonlyMap<number, number> {
  const sorted = [...offsets].sort((a, b) => a - b);
  return new Map(sorted.map((offset, at) => [offset, sorted[at + 1] ?? pageSize]));
}

function pushSurprises(out: number[], cells: readonly Cell[], pageSize: number): void {
  let below = pageSize;
  for (const { offset, body } of cells) {
    pushSigned(out, offset - (below - CHILD_SIZE - body.length));
    below = offset;
  }
}

function pushDifferences<T>(out: number[], values: readonly T[], of: (value: T) => number): void {
  let before = 0;
  for (const value of values) {
    pushSigned(out, of(value) - before);
    before = of(value);
  }
}

function readNumbers(
  reader: ByteReader,
  count: number,
  { differ }: { readonly differ: boolean },
): readonly number[] {
  let before = 0;
  return Array.from({ length: count }, () => {
    const value = readSigned(reader) + (differ ? before : 0);
    before = value;
    return value;
  });
}

function keyOf({ body }: Cell): number {
  return readKey(Uint8Array.from(body), 0)?.value ?? 0;
}

function readKeys(reader: ByteReader, count: number): readonly (readonly number[])[] {
  return readNumbers(reader, count, { differ: true }).map((key) => {
    if (key >= 0 && key < 2 ** 52) return keyBytes(key);
    throw new BytesError(`key ${key} is out of range`, reader.offset);
  });
}

function pushBodies(out: number[], cells: readonly Cell[]): void {
  pushDifferences(out, cells, ({ body }) => body.length);
  let left = cells.filter(({ body }) => body.length > 0);
  for (let column = 0; left.length > 0; column++) {
    let before = 0;
    for (const { body } of left) {
      const byte = body[column] ?? 0;
      out.push((byte - before) & 0xff);
      before = byte;
    }
    left = left.filter(({ body }) => body.length > column + 1);
  }
}

function readBodies(reader: ByteReader, count: number, pageSize: number): readonly Uint8Array[] {
  let total = 0;
  const bodies = readNumbers(reader, count, { differ: true }).map((size) => {
    total += size;
    if (size >= 0 && total <= pageSize) return new Uint8Array(size);
    throw new BytesError(`cells of ${total} bytes do not fit`, reader.offset);
  });
  let left = bodies.filter((body) => body.length > 0);
  for (let column = 0; left.length > 0; column++) {
    let before = 0;
    for (const body of left) {
      before = (before + reader.u8()) & 0xff;
      body[column] = before;
    }
    left = left.filter((body) => body.length > column + 1);
  }
  return bodies;
}

/** Where what neither header, pointers nor cells tell is, in the order in which it is written. */
function gapOrder(cells: readonly Cell[], pageSize: number): readonly number[] {
  const covered = new Uint8Array(pageSize);
  covered.fill(1, 0, HEADER_SIZE + 2 * cells.length);
  for (const { offset, body } of cells) {
    covered.fill(1, offset, offset + CHILD_SIZE + body.length);
  }
  const gap: number[] = [];
  for (let at = 0; at < pageSize; at++) if (covered[at] === 0) gap.push(at);
  const width = CHILD_SIZE + (cells.at(-1)?.body.length ?? 0);
  const order: number[] = [];
  for (let column = 0; column < width; column++) {
    for (let at = column; at < gap.length; at += width) order.push(gap[at] ?? 0);
  }
  return order;
}

function unpacksTo(packed: Uint8Array, page: Uint8Array): boolean {
  try {
    const reader = new ByteReader(packed);
    return equalBytes(unpackInteriorPage(reader, page.length), page) && reader.remaining === 0;
  } catch (error) {
    if (error instanceof BytesError) return false;
    throw error;
  }
}
