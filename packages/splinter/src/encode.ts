/** A set to its canonical bytes; the byte table is in layout.ts. */

import { nextOne, setBits, wordAt } from "./bits.ts";
import { type Chunk, chunkAt } from "./chunk.ts";
import {
  BITMAP_COUNT_MIN,
  BITMAP_SIZE,
  BRANCH_OFFSET_SIZE,
  blockSize,
  FAN_OUT,
  FOOTER_SIZE,
  HEADER_SIZE,
  indexSize,
  LEAF_OFFSET_SIZE,
  MAGIC,
} from "./layout.ts";
import { chunksOf, type Splinter } from "./splinter.ts";

/** Members of a chunk with all of them. */
const FULL_CARDINALITY: number = FAN_OUT * FAN_OUT;
/** Bytes of its map. */
const FULL_INDEX_SIZE: number = indexSize(FAN_OUT, LEAF_OFFSET_SIZE);

/** The canonical bytes of a set, as a new array: equal sets give equal bytes. */
export function encode(set: Splinter): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(encodedSize(set));
  const root = new MapIndex(BRANCH_OFFSET_SIZE);
  const partition = new MapIndex(BRANCH_OFFSET_SIZE);
  const leaf = new MapIndex(LEAF_OFFSET_SIZE);

  bytes.set(MAGIC);
  let position = HEADER_SIZE;
  for (const chunks of partitionsOf(set)) {
    partition.clear();
    for (const chunk of chunks) {
      if (chunk.cardinality === FULL_CARDINALITY) {
        // 256 counts of 256, and offsets of 0: the values take no byte.
        bytes.fill(0xff, position, position + FAN_OUT);
        position += FULL_INDEX_SIZE;
        partition.add(chunk.key & 0xff, FAN_OUT, position);
        continue;
      }
      leaf.clear();
      position = writeBlocks(bytes, position, chunk, leaf);
      position = leaf.write(bytes, position);
      partition.add(chunk.key & 0xff, leaf.count, position);
    }
    position = partition.write(bytes, position);
    root.add(chunkAt(chunks, 0).key >>> 8, partition.count, position);
  }
  if (root.count > 0) {
    position = root.write(bytes, position);
  }
  bytes[position] = root.count & 0xff;
  bytes[position + 1] = root.count >>> 8;
  return bytes;
}

/** Bytes that `encode` gives, without building them. */
export function encodedSize(set: Splinter): number {
  const words = new Uint32Array(8);
  let size = HEADER_SIZE + FOOTER_SIZE;
  let partitionCount = 0;
  for (const chunks of partitionsOf(set)) {
    partitionCount++;
    size += indexSize(chunks.length, BRANCH_OFFSET_SIZE);
    for (const chunk of chunks) {
      if (chunk.cardinality === FULL_CARDINALITY) {
        size += FULL_INDEX_SIZE;
        continue;
      }
      let blockCount = 0;
      for (let low = chunk.firstFrom(0); low !== -1; low = chunk.firstFrom((low | 0xff) + 1)) {
        blockCount++;
        size += blockSize(chunk.readBlock(low >>> 8, words));
      }
      size += indexSize(blockCount, LEAF_OFFSET_SIZE);
    }
  }
  return partitionCount === 0 ? size : size + indexSize(partitionCount, BRANCH_OFFSET_SIZE);
}

/** The chunks of a set, grouped by the upper byte of their keys. */
function* partitionsOf(set: Splinter): Generator<readonly Chunk[]> {
  const chunks = chunksOf(set);
  let start = 0;
  for (const [index, chunk] of chunks.entries()) {
    const next = chunks[index + 1];
    if (next === undefined || next.key >>> 8 !== chunk.key >>> 8) {
      yield chunks.slice(start, index + 1);
      start = index + 1;
    }
  }
}

/** Writes the blocks of a chunk, notes them in `leaf`, and answers the position after them. */
function writeBlocks(bytes: Uint8Array, start: number, chunk: Chunk, leaf: MapIndex): number {
  const words = new Uint32Array(8);
  let position = start;
  for (let low = chunk.firstFrom(0); low !== -1; low = chunk.firstFrom((low | 0xff) + 1)) {
    const count = chunk.readBlock(low >>> 8, words);
    position = writeBlock(bytes, position, words, count);
    leaf.add(low >>> 8, count, position);
  }
  return position;
}

function writeBlock(bytes: Uint8Array, start: number, words: Uint32Array, count: number): number {
  if (count === FAN_OUT) {
    return start;
  }
  if (count >= BITMAP_COUNT_MIN) {
    for (let index = 0; index < BITMAP_SIZE; index++) {
      bytes[start + index] = wordAt(words, index >>> 2) >>> (8 * (index & 3));
    }
    return start + BITMAP_SIZE;
  }
  let position = start;
  for (let member = nextOne(words, 0); member !== -1; member = nextOne(words, member + 1)) {
    bytes[position++] = member;
  }
  return position;
}

/** The index of one map while its children are written. */
class MapIndex {
  readonly #offsetSize: number;
  readonly #keys = new Uint32Array(8);
  #counts: number[] = [];
  #ends: number[] = [];

  constructor(offsetSize: number) {
    this.#offsetSize = offsetSize;
  }

  /** Number of children. */
  get count(): number {
    return this.#counts.length;
  }

  clear(): void {
    this.#keys.fill(0);
    this.#counts = [];
    this.#ends = [];
  }

  /** Notes a child with `count` children of its own that ends before position `end`. */
  add(key: number, count: number, end: number): void {
    setBits(this.#keys, key, key);
    this.#counts.push(count);
    this.#ends.push(end);
  }

  /** Writes keys, counts and offsets at the end of the values; answers the position after them. */
  write(bytes: Uint8Array, valuesEnd: number): number {
    let position = writeBlock(bytes, valuesEnd, this.#keys, this.count);
    for (const count of this.#counts) {
      bytes[position++] = count - 1;
    }
    for (const end of this.#ends) {
      const offset = valuesEnd - end;
      for (let index = 0; index < this.#offsetSize; index++) {
        bytes[position++] = offset >>> (8 * index);
      }
    }
    return position;
  }
}
