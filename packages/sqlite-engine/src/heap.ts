import { invariant } from "@graft/core";
import type { Pointer, SqliteExports } from "./sqlite-exports.ts";
import type { WasmMemory } from "./web-assembly.ts";

const PAGE_SIZE = 65_536;
/** Texts of so many bytes are decoded with one call that names each of them. */
const SHORT_TEXT_SIZE_MAX = 12;
/** Longer text is faster through `TextDecoder`: 110 ns, whatever it is, against 80 ns here. */
const ASCII_TEXT_SIZE_MAX = 32;
const TWO_32 = 0x1_0000_0000;

/** Longer texts are measured before memory is taken for them. */
const EXACT_SIZE_FROM = 1024;
/** Node's `encodeInto` leaves out a last character that would fill the target exactly. */
const ENCODE_SLACK = 4;

/**
 * The memory of one WASM instance, seen as bytes and words.
 *
 * NOTE: the views are replaced when the memory grows, which any call into SQLite may cause. Read
 * `heap.bytes` afresh after each call; never keep it in a variable across one.
 */
export class Heap {
  /** All of the memory. */
  bytes: Uint8Array;
  /** The same as little-endian 32-bit words: a pointer `p` is at index `p >> 2`. */
  words: Int32Array;
  /** The same as doubles: a pointer `p`, a multiple of 8, is at index `p >> 3`. */
  doubles: Float64Array;
  readonly #memory: WasmMemory;
  // A byte order mark is a character of the text like any other.
  readonly #decoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #encoder: TextEncoder = new TextEncoder();

  constructor(memory: WasmMemory) {
    this.#memory = memory;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Int32Array(memory.buffer);
    this.doubles = new Float64Array(memory.buffer);
  }

  /** Makes the memory at least `size` bytes; false when it may not grow so far. */
  growTo(size: number): boolean {
    const missing = size - this.#memory.buffer.byteLength;
    try {
      if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_SIZE));
    } catch {
      return false;
    }
    this.bytes = new Uint8Array(this.#memory.buffer);
    this.words = new Int32Array(this.#memory.buffer);
    this.doubles = new Float64Array(this.#memory.buffer);
    return true;
  }

  /** The word at `pointer`, signed. */
  readWord(pointer: Pointer): number {
    return this.words[pointer >> 2] as number;
  }

  writeWord(pointer: Pointer, value: number): void {
    this.words[pointer >> 2] = value;
  }

  /** Writes a 64-bit integer, little-endian. */
  writeInt64(pointer: Pointer, value: bigint): void {
    new DataView(this.bytes.buffer).setBigInt64(pointer, value, true);
  }

  /** Writes a safe integer as 64 bits, little-endian. */
  writeInteger(pointer: Pointer, value: number): void {
    this.words[pointer >> 2] = value;
    this.words[(pointer >> 2) + 1] = Math.floor(value / TWO_32);
  }

  writeDouble(pointer: Pointer, value: number): void {
    new DataView(this.bytes.buffer).setFloat64(pointer, value, true);
  }

  /** `size` bytes of UTF-8 as a string. */
  decodeText(pointer: Pointer, size: number): string {
    if (size <= ASCII_TEXT_SIZE_MAX) {
      const text =
        size <= SHORT_TEXT_SIZE_MAX
          ? this.#decodeShortAscii(pointer, size)
          : this.#decodeAscii(pointer, size);
      if (text !== undefined) return text;
    }
    return this.#decoder.decode(this.bytes.subarray(pointer, pointer + size));
  }

  /** A NUL-terminated C string; undefined for NULL. */
  decodeCString(pointer: Pointer): string | undefined {
    if (pointer === 0) return undefined;
    const end = this.bytes.indexOf(0, pointer);
    return this.decodeText(pointer, end - pointer);
  }

  /** A C string that is never NULL. */
  mustDecodeCString(pointer: Pointer): string {
    const text = this.decodeCString(pointer);
    invariant(text !== undefined, "this C string is never NULL");
    return text;
  }

  /**
   * Allocates and writes UTF-8 with a terminating NUL. The caller frees it with `sqlite3_free`.
   * `undefined` when there is no memory for it.
   */
  createText(exports: SqliteExports, text: string): { pointer: Pointer; size: number } | undefined {
    // Three bytes a UTF-16 unit is the most that UTF-8 takes; short texts need no exact count.
    const size = text.length > EXACT_SIZE_FROM ? utf8Size(text) : text.length * 3;
    const capacity = size + ENCODE_SLACK;
    const pointer = exports.sqlite3_malloc(capacity + 1);
    if (pointer === 0) return undefined;
    const target = this.bytes.subarray(pointer, pointer + capacity);
    const { read, written } = this.#encoder.encodeInto(text, target);
    invariant(read === text.length, "the whole text is encoded");
    this.bytes[pointer + written] = 0;
    return { pointer, size: written };
  }

  /** Undefined when a byte is not ASCII. */
  #decodeShortAscii(at: Pointer, size: number): string | undefined {
    const b = this.bytes;
    const end = at + size;
    let bits = 0;
    for (let index = at; index < end; index++) bits |= b[index] as number;
    if (bits >= 0x80) return undefined;
    // One call for all sizes: what lies behind the text is cut off again.
    const text = String.fromCharCode(
      b[at] as number,
      b[at + 1] as number,
      b[at + 2] as number,
      b[at + 3] as number,
      b[at + 4] as number,
      b[at + 5] as number,
      b[at + 6] as number,
      b[at + 7] as number,
      b[at + 8] as number,
      b[at + 9] as number,
      b[at + 10] as number,
      b[at + 11] as number,
    );
    return size === SHORT_TEXT_SIZE_MAX ? text : text.slice(0, size);
  }

  /** Undefined when a byte is not ASCII. */
  #decodeAscii(at: Pointer, size: number): string | undefined {
    const b = this.bytes;
    const codes = CODES[size] as number[];
    let bits = 0;
    for (let index = 0; index < size; index++) {
      const code = b[at + index] as number;
      codes[index] = code;
      bits |= code;
    }
    return bits >= 0x80 ? undefined : String.fromCharCode.apply(null, codes);
  }
}

/** One array for each size: its bytes are the parameters of one call. */
const CODES: readonly number[][] = Array.from({ length: ASCII_TEXT_SIZE_MAX + 1 }, (_, size) =>
  Array.from({ length: size }, () => 0),
);

/** How many bytes `encodeInto` writes; a lone surrogate becomes U+FFFD, three bytes. */
function utf8Size(text: string): number {
  let size = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x800) size += 2;
    else if (unit >= 0x80) size += 1;
    // A pair of surrogates is two units and four bytes together.
    if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(at + 1))) size -= 2;
  }
  return size;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
