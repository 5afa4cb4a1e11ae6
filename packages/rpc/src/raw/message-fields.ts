/**
 * A look over an encoded message before it is decoded: a few bytes may each become an object, so
 * that 4 MiB of empty parts would take a server half a second and some hundred MiB.
 */
import type { DescMessage } from "@bufbuild/protobuf";

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_SIZED = 2;
const WIRE_FIXED32 = 5;
const VARINT_SIZE_MAX = 10;
/** No request of ours nests deeper than three messages. */
const DEPTH_MAX = 8;
/**
 * An encoder writes a field that is no list once; whoever joins messages, a few times. Fields of a
 * message that are no list of its, in all.
 */
const SINGLE_COUNT_MAX = 256;

/**
 * Whether a message has more than `countMax` fields, those of the messages in it included, or
 * repeats in any of them what is no list some hundred times. What is malformed is for the decoder
 * to say.
 */
export function hasMoreFields(schema: DescMessage, bytes: Uint8Array, countMax: number): boolean {
  const scan = new FieldScan(bytes, countMax);
  scan.count(schema, bytes.length, DEPTH_MAX);
  return scan.fieldCount > countMax;
}

/** One walk over a message, without an object for anything it finds. */
class FieldScan {
  fieldCount = 0;
  readonly #bytes: Uint8Array;
  readonly #countMax: number;
  #at = 0;

  constructor(bytes: Uint8Array, countMax: number) {
    this.#bytes = bytes;
    this.#countMax = countMax;
  }

  /** Counts the fields up to `end`; false when they end otherwise, or are too many. */
  count(schema: DescMessage, end: number, depth: number): boolean {
    const { parts, lists } = partsOf(schema);
    let singleCount = 0;
    while (this.#at < end) {
      const tag = this.#readVarint(end);
      if (tag < 0 || ++this.fieldCount > this.#countMax) return false;
      if (lists[tag >>> 3] !== true && ++singleCount > SINGLE_COUNT_MAX) {
        this.fieldCount = Number.POSITIVE_INFINITY;
        return false;
      }
      const wireType = tag & 7;
      if (wireType === WIRE_FIXED64) this.#at += 8;
      else if (wireType === WIRE_FIXED32) this.#at += 4;
      else {
        const value = this.#readVarint(end);
        if (value < 0 || (wireType !== WIRE_VARINT && wireType !== WIRE_SIZED)) return false;
        if (wireType === WIRE_VARINT) continue;
        if (value > end - this.#at) return false;
        const partEnd = this.#at + value;
        const inner = depth === 0 ? undefined : parts[tag >>> 3];
        if (inner !== undefined && !this.count(inner, partEnd, depth - 1)) return false;
        this.#at = partEnd;
      }
    }
    return true;
  }

  /** The low 32 bits of a varint, as a number ≥ 0; −1 when it does not end before `end`. */
  #readVarint(end: number): number {
    const first = this.#bytes[this.#at] ?? 0;
    if (first < 0x80 && this.#at < end) {
      this.#at++;
      return first;
    }
    let value = 0;
    let factor = 1;
    for (let count = 0; count < VARINT_SIZE_MAX && this.#at < end; count++) {
      const byte = this.#bytes[this.#at++] ?? 0;
      if (count < 5) value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
    return -1;
  }
}

/** Of a message, by field number. */
interface Parts {
  /** What messages its fields hold. */
  readonly parts: readonly (DescMessage | undefined)[];
  readonly lists: readonly (boolean | undefined)[];
}

const PARTS = new WeakMap<DescMessage, Parts>();

function partsOf(schema: DescMessage): Parts {
  const known = PARTS.get(schema);
  if (known !== undefined) return known;
  const parts: (DescMessage | undefined)[] = [];
  const lists: (boolean | undefined)[] = [];
  for (const field of schema.fields) {
    parts[field.number] = field.message;
    lists[field.number] = field.fieldKind === "list" || field.fieldKind === "map";
  }
  const made = { parts, lists };
  PARTS.set(schema, made);
  return made;
}
