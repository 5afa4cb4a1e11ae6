/**
 * Bytes to a set; the byte table is in layout.ts.
 *
 * Everything that `encode` would not write is refused, so that what is decoded encodes to the same
 * bytes. Children must tile the values of their map: no byte is read twice, work and memory are
 * bounded by the length of the input, and full blocks, which take no byte, stay runs in memory.
 */

import { BITMAP_WORDS } from "./bitmap-chunk.ts";
import { nextOne, nextZero, popcount, setBits } from "./bits.ts";
import { type Chunk, chunkOfWords, settle } from "./chunk.ts";
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
import { RunChunk } from "./run-chunk.ts";
import { adoptChunks, Splinter } from "./splinter.ts";
import { SplinterError } from "./splinter-error.ts";

/**
 * The set that encodes to exactly `bytes`. Keeps no reference to them.
 *
 * Takes time and memory in proportion to their length, whatever they claim: at most 16 bytes of
 * runs and bitmaps for each byte, and at most one chunk for each nine bytes.
 *
 * @throws SplinterError for any other bytes, naming the condition that failed
 */
export function decode(bytes: Uint8Array): Splinter {
  const partitionCount = readFrame(bytes);
  const chunks: Chunk[] = [];
  const end = bytes.length - FOOTER_SIZE;
  // Where a child starts is known only once it was read, so maps are read from the last child to
  // the first, and chunks are found in descending order.
  const start =
    partitionCount === 0
      ? end
      : readMap(bytes, end, partitionCount, (partitionEnd, partitionKey, chunkCount) =>
          readMap(bytes, partitionEnd, chunkCount, (chunkEnd, chunkKey, blockCount) => {
            const chunk = new RunChunk(partitionKey * FAN_OUT + chunkKey);
            return readChunk(bytes, chunkEnd, blockCount, chunk, chunks);
          }),
        );
  if (start !== HEADER_SIZE) {
    throw new SplinterError(
      "unclaimed",
      HEADER_SIZE,
      `expected the root map to start here, got ${start - HEADER_SIZE} bytes of no map`,
    );
  }
  const set = new Splinter();
  adoptChunks(set, chunks.reverse());
  return set;
}

/** Checks header and footer; answers the number of children of the root. */
function readFrame(bytes: Uint8Array): number {
  const sizeMin = HEADER_SIZE + FOOTER_SIZE;
  if (bytes.length < sizeMin) {
    const message = `expected at least ${sizeMin} bytes, got ${bytes.length}`;
    throw new SplinterError("length", bytes.length, message);
  }
  const wrong = MAGIC.findIndex((byte, index) => byte !== bytes[index]);
  if (wrong !== -1) {
    const got = toHex(bytes[wrong]);
    const message = `expected ${toHex(MAGIC[wrong])} of the magic da ae 12 df, got ${got}`;
    throw new SplinterError("magic", wrong, message);
  }
  const footer = bytes.length - FOOTER_SIZE;
  const padding = readInteger(bytes, footer + 2, 2);
  if (padding !== 0) {
    throw new SplinterError("padding", footer + 2, `expected two zero bytes, got ${padding}`);
  }
  const count = readInteger(bytes, footer, 2);
  if (count > FAN_OUT) {
    const message = `expected at most ${FAN_OUT} children of the root, got ${count}`;
    throw new SplinterError("partitions", footer, message);
  }
  return count;
}

/** Blocks whose runs are put into a chunk one by one: fewer than that are quicker than its bits. */
const FEW_BLOCKS = 8;

/** Bytes of a map of 256 full blocks: it has no keys, no blocks, and its offsets are all 0. */
const FULL_INDEX_SIZE: number = indexSize(FAN_OUT, LEAF_OFFSET_SIZE);

/**
 * Whether a map of 256 full blocks ends before `end`, which takes many bytes to say very little.
 */
function isFullIndex(bytes: Uint8Array, end: number): boolean {
  const start = end - FULL_INDEX_SIZE;
  if (start < HEADER_SIZE) {
    return false;
  }
  for (let position = start; position < start + FAN_OUT; position++) {
    if (bytes[position] !== 0xff) {
      return false;
    }
  }
  for (let position = start + FAN_OUT; position < end; position++) {
    if (bytes[position] !== 0) {
      return false;
    }
  }
  return true;
}

/** Reads a child that ends before `end`; answers where it starts. */
type ReadChild = (end: number, key: number, count: number) => number;

/** Reads a map of maps that ends before `end`; answers where it starts. */
function readMap(bytes: Uint8Array, end: number, count: number, readChild: ReadChild): number {
  const index = readIndex(bytes, end, count, BRANCH_OFFSET_SIZE);
  let start = index.start;
  for (let child = count - 1; child >= 0; child--) {
    checkOffset(bytes, index, child, start);
    start = readChild(start, index.keys[child] ?? 0, childCountAt(bytes, index, child));
  }
  return start;
}

/** Reads a map of blocks that ends before `end` into `chunk`; answers where it starts. */
function readChunk(
  bytes: Uint8Array,
  end: number,
  count: number,
  chunk: RunChunk,
  chunks: Chunk[],
): number {
  if (count === FAN_OUT && isFullIndex(bytes, end)) {
    chunk.insertRange(0, FAN_OUT * FAN_OUT - 1);
    chunk.trim();
    chunks.push(chunk);
    return end - FULL_INDEX_SIZE;
  }
  const index = readIndex(bytes, end, count, LEAF_OFFSET_SIZE);
  let start = index.start;
  for (let child = 0; child < count; child++) {
    start -= blockSize(childCountAt(bytes, index, child));
  }
  mustHaveRoom(start, index.start, "the blocks of a map");
  const words = new Uint32Array(8);
  // Many blocks are gathered as bits: putting their runs into the chunk one by one would take
  // seconds for what fits a request.
  const bits = count > FEW_BLOCKS ? new Uint32Array(BITMAP_WORDS) : undefined;
  let filled: Chunk = chunk;
  let position = start;
  for (let child = 0; child < count; child++) {
    const memberCount = childCountAt(bytes, index, child);
    const size = blockSize(memberCount);
    checkOffset(bytes, index, child, position + size);
    readBlock(bytes, position, memberCount, words);
    const key = index.keys[child] ?? 0;
    if (bits === undefined) filled = insertBlock(filled, key * FAN_OUT, words);
    else bits.set(words, key * words.length);
    position += size;
  }
  if (bits !== undefined) {
    filled = chunkOfWords(chunk.key, bits);
  }
  if (filled.kind === "runs") {
    filled.trim();
  }
  chunks.push(filled);
  return start;
}

/** The index of a map, and where its parts lie. */
interface MapIndex {
  /** Where the index starts, which is where the values of the map end. */
  readonly start: number;
  readonly keys: readonly number[];
  readonly countsStart: number;
  readonly offsetsStart: number;
  readonly offsetSize: number;
}

function readIndex(bytes: Uint8Array, end: number, count: number, offsetSize: number): MapIndex {
  const start = end - indexSize(count, offsetSize);
  mustHaveRoom(start, end, `an index of ${count} children`);
  const words = new Uint32Array(8);
  readBlock(bytes, start, count, words);
  const keys: number[] = [];
  for (let key = nextOne(words, 0); key !== -1; key = nextOne(words, key + 1)) {
    keys.push(key);
  }
  const countsStart = start + blockSize(count);
  return { start, keys, countsStart, offsetsStart: countsStart + count, offsetSize };
}

/** Reads the block with `count` members at `start` as bits into eight words. */
function readBlock(bytes: Uint8Array, start: number, count: number, words: Uint32Array): void {
  if (count === FAN_OUT) {
    words.fill(-1);
    return;
  }
  words.fill(0);
  if (count < BITMAP_COUNT_MIN) {
    let previous = -1;
    for (let position = start; position < start + count; position++) {
      const member = readInteger(bytes, position, 1);
      if (member <= previous) {
        const message = `expected a member above ${previous}, got ${member}`;
        throw new SplinterError("order", position, message);
      }
      setBits(words, member, member);
      previous = member;
    }
    return;
  }
  let bitCount = 0;
  for (let index = 0; index < BITMAP_SIZE / 4; index++) {
    const word = readInteger(bytes, start + 4 * index, 4);
    words[index] = word;
    bitCount += popcount(word);
  }
  if (bitCount !== count) {
    const message = `expected a bitmap of ${count} members, got ${bitCount}`;
    throw new SplinterError("bitmap", start, message);
  }
}

function insertBlock(chunk: Chunk, base: number, words: Uint32Array): Chunk {
  let filled = chunk;
  for (let first = nextOne(words, 0); first !== -1; ) {
    const zero = nextZero(words, first);
    const end = zero === -1 ? FAN_OUT : zero;
    filled.insertRange(base + first, base + end - 1);
    filled = settle(filled);
    first = nextOne(words, end);
  }
  return filled;
}

function childCountAt(bytes: Uint8Array, index: MapIndex, child: number): number {
  return readInteger(bytes, index.countsStart + child, 1) + 1;
}

function checkOffset(bytes: Uint8Array, index: MapIndex, child: number, end: number): void {
  const position = index.offsetsStart + child * index.offsetSize;
  const offset = readInteger(bytes, position, index.offsetSize);
  if (offset !== index.start - end) {
    const message = `expected offset ${index.start - end} of child ${child}, got ${offset}`;
    throw new SplinterError("offset", position, message);
  }
}

function mustHaveRoom(start: number, end: number, what: string): void {
  if (start < HEADER_SIZE) {
    const got = end - HEADER_SIZE;
    const message = `expected ${end - start} bytes before here for ${what}, got ${got}`;
    throw new SplinterError("truncated", end, message);
  }
}

function readInteger(bytes: Uint8Array, start: number, size: number): number {
  if (start + size > bytes.length) {
    throw new RangeError(`byte ${start + size} is outside the ${bytes.length} bytes`);
  }
  let value = 0;
  for (let index = 0; index < size; index++) {
    value |= (bytes[start + index] ?? 0) << (8 * index);
  }
  return value >>> 0;
}

function toHex(byte: number | undefined): string {
  return `0x${byte?.toString(16).padStart(2, "0")}`;
}
