/**
 * Base58 with the Bitcoin alphabet, for byte strings of one fixed size read as a big-endian number.
 * Ids are read and written in every record, so the number is 16-bit words and five digits at a
 * time, not a bigint: 58⁵ · 2¹⁶ < 2⁵³, so that each step is exact.
 */
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** Digits by character code; 255: none. */
const DIGITS: Uint8Array = new Uint8Array(128).fill(255);
for (let digit = 0; digit < ALPHABET.length; digit++) DIGITS[ALPHABET.charCodeAt(digit)] = digit;

/** Every two digits, so that a group takes three lookups. */
const PAIRS: readonly string[] = [...ALPHABET].flatMap((a) => [...ALPHABET].map((b) => a + b));

const GROUP_LENGTH = 5;
const GROUP: number = 58 ** GROUP_LENGTH;
const WORD = 0x1_0000;

/** Text without padding: the number's digits, at least one. */
export function encodeBase58(bytes: Uint8Array): string {
  const words = toWords(bytes);
  let text = "";
  for (let first = 0; first < words.length; ) {
    let group = 0;
    for (let at = first; at < words.length; at++) {
      const value = group * WORD + (words[at] ?? 0);
      const quotient = Math.floor(value / GROUP);
      words[at] = quotient;
      group = value - quotient * GROUP;
    }
    while (first < words.length && words[first] === 0) first++;
    const high = Math.floor(group / 58 ** 4);
    const middle = Math.floor(group / 58 ** 2) % PAIRS.length;
    text = ALPHABET.charAt(high) + PAIRS[middle] + PAIRS[group % PAIRS.length] + text;
  }
  let zeros = 0;
  while (zeros < text.length - 1 && text.charAt(zeros) === "1") zeros++;
  return text === "" ? "1" : text.slice(zeros);
}

/** @throws RangeError on a character outside the alphabet, or a number over `size` bytes */
export function decodeBase58(text: string, size: number): Uint8Array {
  const words = new Uint16Array(Math.ceil(size / 2));
  for (let from = 0; from < text.length; from += GROUP_LENGTH) {
    const to = Math.min(text.length, from + GROUP_LENGTH);
    let carry = 0;
    for (let at = from; at < to; at++) carry = carry * 58 + digitAt(text, at);
    const factor = 58 ** (to - from);
    for (let at = words.length - 1; at >= 0; at--) {
      const value = (words[at] ?? 0) * factor + carry;
      carry = Math.floor(value / WORD);
      words[at] = value - carry * WORD;
    }
    if (carry > 0) throw tooLarge(size);
  }
  return toBytes(words, size);
}

function digitAt(text: string, at: number): number {
  const digit = DIGITS[text.charCodeAt(at)] ?? 255;
  if (digit !== 255) return digit;
  const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
  throw new RangeError(`"${char}" is not a base58 character`);
}

/** Big-endian; the first one of an odd size has one byte. */
function toWords(bytes: Uint8Array): number[] {
  const words: number[] = [];
  const isOdd = bytes.length % 2;
  if (isOdd === 1) words.push(bytes[0] ?? 0);
  for (let at = isOdd; at < bytes.length; at += 2) {
    words.push((bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0));
  }
  return words;
}

function toBytes(words: Uint16Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const isOdd = size % 2;
  const [first = 0] = words;
  if (isOdd === 1 && first > 255) throw tooLarge(size);
  for (let at = 0; at < size; at++) {
    const word = words[(at + isOdd) >> 1] ?? 0;
    bytes[at] = (at + isOdd) % 2 === 0 ? word >> 8 : word & 255;
  }
  return bytes;
}

function tooLarge(size: number): RangeError {
  return new RangeError(`the number is over ${size} bytes`);
}
