/**
 * The replay bytes of a commit (`CommitNote.replay`): a `RecordedTransaction`. Numbers are LEB128
 * (`varint`) unless said otherwise; a text is its size in bytes (varint) and UTF-8.
 *
 * ```
 * u8      version, 1
 * u8      flags: 1 = has a name; all other bits 0
 * text    name, if it has one
 * u8      content: 0 not recorded, 1 statements, 2 refused
 *         content 2:
 * text    reason
 *         content 1:
 * varint  number of SQL texts, then each: text
 * varint  number of statements, then each:
 *           varint  index of its SQL text
 *           u8      flags: 1 = may fail, 2 = has drawn; all other bits 0
 *           u64 LE  time, ms since 1970, as a signed 64-bit integer
 *           32      key of its chance, if it has drawn
 *           varint  number of parameters, then each: value
 * value:  u8 type, then
 *           0 NULL       nothing
 *           1 INTEGER    u64 LE, signed
 *           2 REAL       u64 LE, the bits of the double
 *           3 TEXT       text
 *           4 BLOB       varint size, bytes
 *           5 named      varint number of names, then each: text, value (type 0 … 4);
 *                        only as the first parameter
 * ```
 *
 * Valid when (1) every flag, type and index is in its range, (2) every text is UTF-8, (3) nothing
 * follows the last field.
 */
import { ByteReader, BytesError, ByteWriter, GraftError, invariant } from "@graft/core";
import type { NamedParameters, SqlParameter, SqlValue } from "@graft/sqlite-engine";
import { CHANCE_KEY_SIZE } from "./chance-stream.ts";
import type {
  RecordedContent,
  RecordedParameters,
  RecordedStatement,
  RecordedTransaction,
} from "./recorded-transaction.ts";

const VERSION = 1;
const FLAG = { hasName: 1, mayFail: 1, hasDrawn: 2 } as const;
const CONTENT = { notRecorded: 0, statements: 1, refused: 2 } as const;
const TYPE = { null: 0, integer: 1, real: 2, text: 3, blob: 4, named: 5 } as const;

const toUtf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The content as it is encoded: statements may be encoded already. */
export type ContentToEncode =
  | Exclude<RecordedContent, { readonly kind: "statements" }>
  | {
      readonly kind: "statements";
      readonly texts: readonly string[];
      /** Of `encodeStatement`, with indexes into `texts`. */
      readonly statements: readonly Uint8Array[];
    };

export function encodeTransaction(name: string | undefined, content: ContentToEncode): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION).u8(name === undefined ? 0 : FLAG.hasName);
  if (name !== undefined) writeText(writer, name);
  switch (content.kind) {
    case "not-recorded":
      return writer.u8(CONTENT.notRecorded).finish();
    case "refused":
      writeText(writer.u8(CONTENT.refused), content.reason);
      return writer.finish();
    case "statements":
      writer.u8(CONTENT.statements).varintU32(content.texts.length);
      for (const text of content.texts) writeText(writer, text);
      writer.varintU32(content.statements.length);
      for (const statement of content.statements) writer.bytes(statement);
      return writer.finish();
  }
}

/** @param parameters as they were bound: any value that can be */
export function encodeStatement(
  textIndex: number,
  facts: Pick<RecordedStatement, "timeMs" | "chance" | "mayFail">,
  parameters: Uint8Array,
): Uint8Array {
  const { timeMs, chance, mayFail } = facts;
  const flags = (mayFail ? FLAG.mayFail : 0) | (chance === undefined ? 0 : FLAG.hasDrawn);
  const writer = new ByteWriter(64 + parameters.length);
  writer.varintU32(textIndex).u8(flags);
  writer.u64le(BigInt.asUintN(64, BigInt(Math.trunc(timeMs))));
  if (chance !== undefined) writer.bytes(chance);
  return writer.bytes(parameters).finish();
}

/** All parameters of one statement. */
export function encodeParameters(
  parameters: readonly (SqlParameter | NamedParameters)[],
): Uint8Array {
  const writer = new ByteWriter();
  writer.varintU32(parameters.length);
  for (const value of parameters) {
    if (!isNamed(value)) {
      writeValue(writer, value);
      continue;
    }
    const entries = Object.entries(value);
    writer.u8(TYPE.named).varintU32(entries.length);
    for (const [name, one] of entries) {
      writeText(writer, name);
      writeValue(writer, one);
    }
  }
  return writer.finish();
}

/** @throws GraftError `corrupt` */
export function decodeTransaction(bytes: Uint8Array): RecordedTransaction {
  try {
    const reader = new ByteReader(bytes);
    const version = reader.u8();
    if (version !== VERSION) throw new BytesError(`expected version 1, got ${version}`, 0);
    const name = readFlags(reader, FLAG.hasName) === 0 ? undefined : readText(reader);
    const content = readContent(reader);
    reader.expectEnd();
    return { name, content };
  } catch (cause) {
    if (!(cause instanceof BytesError)) throw cause;
    const why = `the record of a transaction is damaged at ${cause.offset}: ${cause.message}`;
    throw new GraftError("corrupt", why, { cause });
  }
}

function readContent(reader: ByteReader): RecordedContent {
  const kind = reader.u8();
  switch (kind) {
    case CONTENT.notRecorded:
      return { kind: "not-recorded" };
    case CONTENT.refused:
      return { kind: "refused", reason: readText(reader) };
    case CONTENT.statements: {
      const texts = readMany(reader, () => readText(reader));
      return { kind: "statements", statements: readMany(reader, () => readOne(reader, texts)) };
    }
    default:
      throw new BytesError(`a content of kind ${kind}`, reader.offset);
  }
}

function readOne(reader: ByteReader, texts: readonly string[]): RecordedStatement {
  const index = reader.varintU32();
  const sql = texts[index];
  if (sql === undefined) throw new BytesError(`text ${index} of ${texts.length}`, reader.offset);
  const flags = readFlags(reader, FLAG.mayFail | FLAG.hasDrawn);
  const timeMs = Number(BigInt.asIntN(64, reader.u64le()));
  const hasDrawn = (flags & FLAG.hasDrawn) !== 0;
  const chance = hasDrawn ? reader.bytes(CHANCE_KEY_SIZE).slice() : undefined;
  let named: NamedParameters | undefined;
  const count = reader.varintU32();
  if (count > reader.remaining) throw new BytesError(`${count} parameters`, reader.offset);
  const values: SqlValue[] = [];
  for (let at = 0; at < count; at++) {
    const type = reader.u8();
    if (type === TYPE.named && at === 0) named = readNamed(reader);
    else values.push(readValue(reader, type));
  }
  const parameters: RecordedParameters = named === undefined ? values : [named, ...values];
  return { sql, parameters, timeMs, chance, mayFail: (flags & FLAG.mayFail) !== 0 };
}

function readNamed(reader: ByteReader): NamedParameters {
  const entries = readMany(reader, () => {
    const name = readText(reader);
    return [name, readValue(reader, reader.u8())] as const;
  });
  return Object.fromEntries(entries);
}

function readValue(reader: ByteReader, type: number): SqlValue {
  switch (type) {
    case TYPE.null:
      return null;
    case TYPE.integer:
      return BigInt.asIntN(64, reader.u64le());
    case TYPE.real:
      return new Float64Array(BigUint64Array.of(reader.u64le()).buffer)[0] ?? 0;
    case TYPE.text:
      return readText(reader);
    case TYPE.blob:
      return reader.bytes(reader.varintU32()).slice();
    default:
      throw new BytesError(`a value of type ${type}`, reader.offset);
  }
}

function writeValue(writer: ByteWriter, value: SqlParameter): void {
  switch (typeof value) {
    case "number":
      writer.u8(TYPE.real).u64le(new BigUint64Array(Float64Array.of(value).buffer)[0] ?? 0n);
      return;
    case "bigint":
      writer.u8(TYPE.integer).u64le(BigInt.asUintN(64, value));
      return;
    case "boolean":
      writer.u8(TYPE.integer).u64le(value ? 1n : 0n);
      return;
    case "string":
      writeText(writer.u8(TYPE.text), value);
      return;
    case "undefined":
      writer.u8(TYPE.null);
      return;
    case "object":
      if (value === null) {
        writer.u8(TYPE.null);
        return;
      }
      invariant(value instanceof Uint8Array, "bytes are copied when they are bound");
      writer.u8(TYPE.blob).varintU32(value.length).bytes(value);
  }
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = toUtf8.encode(text);
  writer.varintU32(bytes.length).bytes(bytes);
}

function readText(reader: ByteReader): string {
  const bytes = reader.bytes(reader.varintU32());
  try {
    return fromUtf8.decode(bytes);
  } catch {
    throw new BytesError("a text is not UTF-8", reader.offset);
  }
}

function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) throw new BytesError(`flags ${flags}`, reader.offset);
  return flags;
}

/** Every element takes a byte at least: a damaged count must not fill the memory. */
function readMany<T>(reader: ByteReader, read: () => T): T[] {
  const count = reader.varintU32();
  if (count > reader.remaining) throw new BytesError(`${count} elements`, reader.offset);
  return Array.from({ length: count }, read);
}

function isNamed(value: SqlParameter | NamedParameters): value is NamedParameters {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}
