/** Damage: what a stranger, a bad disk or a bug does to bytes. */
import { concatBytes } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";

/** Numbers at which sizes, counts and signs turn over. */
const NUMBERS: readonly number[] = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
  0xffff_fffe, 0xffff_ffff,
];
const INSERT_SIZE_MAX = 24;
/** Bytes that one part is repeated to. */
const REPEATED_SIZE: number = 48 * 1024;

/**
 * A damaged copy: one to eight changes.
 *
 * @param others more valid inputs, for splices
 */
export function mutate(
  bytes: Uint8Array,
  random: SeededRandom,
  others: readonly Uint8Array[],
): Uint8Array {
  let mutant: Uint8Array = bytes.slice();
  const changeCount = random.pick([1, 1, 1, 2, 3, 8]);
  for (let change = 0; change < changeCount; change++) mutant = changeOnce(mutant, random, others);
  return mutant;
}

/** Bytes of nothing in particular; often short, sometimes all alike. */
export function noise(random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(random.pick([0, 1, 8, 40, 200, 2000]) + random.integer(0, 7));
  if (random.chance(0.2)) return bytes.fill(random.pick([0, 0xff, 0x0a, 0x80]));
  random.fill(bytes);
  return bytes;
}

function changeOnce(
  bytes: Uint8Array,
  random: SeededRandom,
  others: readonly Uint8Array[],
): Uint8Array {
  const at = random.integer(0, bytes.length);
  const length = random.integer(0, Math.min(bytes.length - at, random.pick([1, 4, 16, 400])));
  switch (random.integer(0, 9)) {
    case 0:
    case 1:
      return withByte(bytes, at, (byte) => byte ^ (1 << random.integer(0, 7)));
    case 2:
      return withByte(bytes, at, () => random.pick(NUMBERS) & 0xff);
    case 3:
      return withByte(bytes, at, (byte) => byte + random.pick([-1, 1, -16, 16]));
    case 4:
      return withNumber(bytes, at, random);
    case 5:
      return concatBytes([bytes.subarray(0, at), junk(random), bytes.subarray(at)]);
    case 6:
      return concatBytes([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 7:
      if (random.chance(0.02)) return repeated(bytes, at, length);
      return concatBytes([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 8:
      return bytes.slice(0, random.chance(0.3) ? at : bytes.length - Math.min(length, 16));
    default:
      return splice(bytes, random.pick(others), random);
  }
}

function withByte(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  if (at < bytes.length) bytes[at] = change(bytes[at] ?? 0);
  return bytes;
}

/** A telling number over two, four or eight bytes, in either byte order. */
function withNumber(bytes: Uint8Array, at: number, random: SeededRandom): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = random.pick(NUMBERS);
  const isLittleEndian = random.chance(0.5);
  const size = random.pick([2, 4, 8]);
  if (at + size > bytes.length) return bytes;
  if (size === 2) view.setUint16(at, value, isLittleEndian);
  else if (size === 4) view.setUint32(at, value, isLittleEndian);
  else view.setBigUint64(at, (BigInt(value) << 32n) | BigInt(value), isLittleEndian);
  return bytes;
}

/** A part of it many times over: what takes two bytes and is a message of its own. */
function repeated(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const part = bytes.subarray(at, at + length);
  const count = length === 0 ? 0 : Math.floor(REPEATED_SIZE / length);
  const copies = Array.from({ length: count }, () => part);
  return concatBytes([bytes.subarray(0, at), ...copies, bytes.subarray(at)]);
}

/** The front of one, the end of the other. */
function splice(bytes: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  const cutAt = random.integer(0, bytes.length);
  const from = random.chance(0.5) ? Math.min(cutAt, other.length) : random.integer(0, other.length);
  return concatBytes([bytes.subarray(0, cutAt), other.subarray(from)]);
}

function junk(random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(random.integer(1, INSERT_SIZE_MAX));
  random.fill(bytes);
  return bytes;
}
