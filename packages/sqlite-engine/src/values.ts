/**
 * Values in and out of SQLite, as `node:sqlite` does it:
 *
 * | JavaScript               | bound as           | SQLite    | read as                                     |
 * |--------------------------|--------------------|-----------|---------------------------------------------|
 * | number                   | REAL (affinity may | INTEGER   | number; not a safe integer → an error,      |
 * |                          | make it INTEGER)   |           | or bigint with `setReadBigInts(true)`       |
 * | bigint in 64 bits        | INTEGER            | REAL      | number                                      |
 * | boolean                  | INTEGER 0 or 1     |           |                                             |
 * | string                   | TEXT (UTF-8)       | TEXT      | string                                      |
 * | ArrayBuffer or a view    | BLOB               | BLOB      | Uint8Array, a copy                          |
 * | null, undefined          | NULL               | NULL      | null                                        |
 */
import { GraftError } from "@graft/core";
import type { Heap } from "./heap.ts";
import * as code from "./result-codes.ts";
import type { Pointer, SqliteExports } from "./sqlite-exports.ts";
import {
  ENCODING_MASK,
  ENCODING_UTF8,
  KIND_INTEGER,
  KIND_NULL,
  KIND_REAL,
  KIND_TEXT,
  VALUE_KIND_MASK,
  VALUE_WORD,
} from "./value-layout.ts";

/** What a column may hold. */
export type SqlValue = number | bigint | string | Uint8Array | null;

/** What may be bound to a parameter. */
export type SqlParameter = SqlValue | boolean | undefined | ArrayBufferView | ArrayBuffer;

const TWO_32 = 0x1_0000_0000;

const TYPE_INTEGER = 1;
const TYPE_FLOAT = 2;
const TYPE_TEXT = 3;
const TYPE_BLOB = 4;

/** SQLite copies what is bound before the call returns. */
const SQLITE_TRANSIENT = -1;
/** The largest text or blob of the build; checked before it is copied into the heap. */
const VALUE_SIZE_MAX = 1_000_000_000;

/**
 * Binds one value. Answers a result code; throws `invalid-argument` for what SQLite has no type
 * for.
 */
export function bindValue(
  exports: SqliteExports,
  heap: Heap,
  statement: Pointer,
  index: number,
  value: unknown,
): number {
  switch (typeof value) {
    case "number":
      return exports.sqlite3_bind_double(statement, index, value);
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) {
        throw new GraftError(
          "invalid-argument",
          `parameter ${index} does not fit 64 bits: ${value}`,
        );
      }
      return exports.sqlite3_bind_int64(statement, index, value);
    case "boolean":
      return exports.sqlite3_bind_int(statement, index, value ? 1 : 0);
    case "string":
      return bindText(exports, heap, statement, index, value);
    case "undefined":
      return exports.sqlite3_bind_null(statement, index);
    case "object":
      if (value === null) return exports.sqlite3_bind_null(statement, index);
      if (isBytes(value)) return bindBlob(exports, heap, statement, index, toBytes(value));
  }
  throw new GraftError(
    "invalid-argument",
    `parameter ${index} must be a number, bigint, string, boolean, bytes or null, got ${typeof value}`,
  );
}

/** Whether a value is bound as a BLOB. */
export function isBytes(value: unknown): value is ArrayBufferView | ArrayBuffer {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/** What reading the columns of a statement needs to know. */
export interface ColumnReader {
  readonly exports: SqliteExports;
  readonly heap: Heap;
  readonly names: readonly string[];
  readonly readsBigInts: boolean;
  /** See value-layout.ts; undefined: values are read through SQLite's interface. */
  readonly valueStride: number | undefined;
}

/**
 * The value of a column of the current row. Throws `invalid-argument` for an integer beyond a
 * number.
 */
export function readColumn(reader: ColumnReader, statement: Pointer, index: number): SqlValue {
  const { exports, heap } = reader;
  switch (exports.sqlite3_column_type(statement, index)) {
    case TYPE_INTEGER: {
      if (reader.readsBigInts) return exports.sqlite3_column_int64(statement, index);
      // Exact up to 2^53, and never rounded down to a safe integer from beyond; costs no bigint.
      const value = exports.sqlite3_column_double(statement, index);
      if (Number.isSafeInteger(value)) return value;
      throw unsafeInteger(reader, exports.sqlite3_column_int64(statement, index), index);
    }
    case TYPE_FLOAT:
      return exports.sqlite3_column_double(statement, index);
    case TYPE_TEXT: {
      // First the text, then its size: the order in which SQLite promises that they agree.
      const text = exports.sqlite3_column_text(statement, index);
      return heap.decodeText(text, exports.sqlite3_column_bytes(statement, index));
    }
    case TYPE_BLOB: {
      const blob = exports.sqlite3_column_blob(statement, index);
      return heap.bytes.slice(blob, blob + exports.sqlite3_column_bytes(statement, index));
    }
    default:
      return null;
  }
}

/**
 * The same for a value that lies at `pointer`: without a call, unless it is a blob or has a form
 * that only SQLite knows how to read.
 */
export function readValue(
  reader: ColumnReader,
  statement: Pointer,
  index: number,
  pointer: Pointer,
): SqlValue {
  const { heap } = reader;
  const at = pointer >> 2;
  const { words } = heap;
  const flags = words[at + VALUE_WORD.flags] as number;
  switch (flags & VALUE_KIND_MASK) {
    case KIND_INTEGER: {
      if (reader.readsBigInts) break;
      const low = words[at] as number;
      const high = words[at + VALUE_WORD.high] as number;
      if (high === low >> 31) return low;
      const value = high * TWO_32 + (low >>> 0);
      if (Number.isSafeInteger(value)) return value;
      break;
    }
    case KIND_REAL:
      return heap.doubles[pointer >> 3] as number;
    case KIND_TEXT:
      if ((flags & ENCODING_MASK) !== ENCODING_UTF8) break;
      return heap.decodeText(
        words[at + VALUE_WORD.pointer] as number,
        words[at + VALUE_WORD.size] as number,
      );
    case KIND_NULL:
      return null;
  }
  return readColumn(reader, statement, index);
}

/** A 64-bit integer as a number where that is exact, else as it is. */
export function toNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function unsafeInteger({ names }: ColumnReader, value: bigint, index: number): GraftError {
  return new GraftError(
    "invalid-argument",
    `column "${names[index]}" holds ${value}, which a number cannot hold exactly; ` +
      "use setReadBigInts(true)",
  );
}

function bindText(
  exports: SqliteExports,
  heap: Heap,
  statement: Pointer,
  index: number,
  value: string,
): number {
  if (value.length > VALUE_SIZE_MAX) return code.SQLITE_TOOBIG;
  const text = heap.createText(exports, value);
  if (text === undefined) return code.SQLITE_NOMEM;
  const { pointer, size } = text;
  const answer = exports.sqlite3_bind_text(statement, index, pointer, size, SQLITE_TRANSIENT);
  exports.sqlite3_free(pointer);
  return answer;
}

function bindBlob(
  exports: SqliteExports,
  heap: Heap,
  statement: Pointer,
  index: number,
  value: Uint8Array,
): number {
  if (value.length > VALUE_SIZE_MAX) return code.SQLITE_TOOBIG;
  const pointer = exports.sqlite3_malloc(value.length + 1);
  if (pointer === 0) return code.SQLITE_NOMEM;
  heap.bytes.set(value, pointer);
  const size = value.length;
  const answer = exports.sqlite3_bind_blob(statement, index, pointer, size, SQLITE_TRANSIENT);
  exports.sqlite3_free(pointer);
  return answer;
}

/** A view of the bytes of a BLOB. */
export function toBytes(value: ArrayBufferView | ArrayBuffer): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}
