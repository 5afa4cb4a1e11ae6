/**
 * Where a row's values lie in the heap, so that a row costs one call into SQLite instead of two or
 * three for each column. `sqlite3_column_value` points to this structure of SQLite's own:
 *
 * | offset | size | field                                                             |
 * |--------|------|-------------------------------------------------------------------|
 * | 0      | 8    | the integer, or the double                                        |
 * | 8      | 4    | pointer to the bytes of a text or blob                            |
 * | 12     | 4    | how many bytes                                                    |
 * | 16     | 2    | flags; the low six bits say what the value is                     |
 * | 18     | 1    | encoding of a text; 1 is UTF-8                                    |
 *
 * It is no part of SQLite's interface. The build is pinned, and `valueStrideOf` tries it out in the
 * first instance of each module: where it finds anything else, rows are read through the
 * interface.
 */
import type { Heap } from "./heap.ts";
import { SQLITE_ROW } from "./result-codes.ts";
import type { Pointer, SqliteExports } from "./sqlite-exports.ts";

/** Where the words of a value are, in words of 32 bits. */
export const VALUE_WORD = { low: 0, high: 1, pointer: 2, size: 3, flags: 4 } as const;

/** The low bits of the flags, for values that can be read as they lie there. */
export const VALUE_KIND_MASK = 0x3f;
export const KIND_NULL = 0x01;
export const KIND_TEXT = 0x02;
export const KIND_INTEGER = 0x04;
export const KIND_REAL = 0x08;

/** The encoding, in the word of the flags. */
export const ENCODING_MASK = 0xff_0000;
export const ENCODING_UTF8 = 0x01_0000;

const PROBE = "SELECT 305419896, -6, 2.5, 'probe', NULL, x'00'";
const PROBE_COUNT = 6;
const OPEN_READWRITE = 0x2;
const VALUE_ALIGNMENT = 8;

/** By module: what the probe found. */
const strides = new WeakMap<object, number | undefined>();

/**
 * Bytes from one column's value to the next one's; undefined when values do not lie as the table
 * says. Tried out once for a module, in a database in memory: call it before any other is open.
 */
export function valueStrideOf(
  module: object,
  exports: SqliteExports,
  heap: Heap,
): number | undefined {
  if (!strides.has(module)) strides.set(module, probe(exports, heap));
  return strides.get(module);
}

function probe(exports: SqliteExports, heap: Heap): number | undefined {
  const name = heap.createText(exports, ":memory:");
  const sql = heap.createText(exports, PROBE);
  const target = exports.sqlite3_malloc(4);
  if (name === undefined || sql === undefined || target === 0) return undefined;
  exports.sqlite3_open_v2(name.pointer, target, OPEN_READWRITE, 0);
  const database = heap.readWord(target);
  exports.sqlite3_prepare_v3(database, sql.pointer, sql.size, 0, target, 0);
  const statement = heap.readWord(target);
  const isOnRow = statement !== 0 && exports.sqlite3_step(statement) === SQLITE_ROW;
  const stride = isOnRow ? strideOf(exports, heap, statement) : undefined;
  exports.sqlite3_finalize(statement);
  exports.sqlite3_close_v2(database);
  for (const pointer of [name.pointer, sql.pointer, target]) exports.sqlite3_free(pointer);
  return stride;
}

function strideOf(exports: SqliteExports, heap: Heap, statement: Pointer): number | undefined {
  const pointers = Array.from({ length: PROBE_COUNT }, (_, index) =>
    exports.sqlite3_column_value(statement, index),
  );
  const [first = 0, second = 0] = pointers;
  const stride = second - first;
  const isRegular = pointers.every((pointer, index) => pointer === first + index * stride);
  if (!isRegular || first % VALUE_ALIGNMENT !== 0 || stride % VALUE_ALIGNMENT !== 0)
    return undefined;
  const words = pointers.map((pointer) => heap.words.subarray(pointer >> 2, (pointer >> 2) + 5));
  const kinds = words.map((value) => (value[VALUE_WORD.flags] ?? 0) & VALUE_KIND_MASK);
  const expected = [KIND_INTEGER, KIND_INTEGER, KIND_REAL, KIND_TEXT, KIND_NULL];
  if (!expected.every((kind, index) => kinds[index] === kind)) return undefined;
  if (expected.includes(kinds[PROBE_COUNT - 1] ?? 0)) return undefined;
  const [integer, negative, , probe] = words;
  const isInteger = integer?.[VALUE_WORD.low] === 305_419_896 && integer[VALUE_WORD.high] === 0;
  const isNegative = negative?.[VALUE_WORD.low] === -6 && negative[VALUE_WORD.high] === -1;
  const isReal = heap.doubles[((pointers[2] ?? 0) >> 3) + 0] === 2.5;
  const pointer = probe?.[VALUE_WORD.pointer] ?? 0;
  const isText =
    probe?.[VALUE_WORD.size] === 5 &&
    ((probe[VALUE_WORD.flags] ?? 0) & ENCODING_MASK) === ENCODING_UTF8 &&
    heap.decodeText(pointer, 5) === "probe";
  return isInteger && isNegative && isReal && isText ? stride : undefined;
}
