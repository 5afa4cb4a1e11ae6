/**
 * Base58 with the Bitcoin alphabet, for byte strings of one fixed size read as a big-endian number.
 */
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const DIGITS: ReadonlyMap<string, number> = new Map([...ALPHABET].map((char, at) => [char, at]));

/** Text without padding: the number's digits, at least one. */
export function encodeBase58(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = "";
  do {
    text = ALPHABET.charAt(Number(value % 58n)) + text;
    value /= 58n;
  } while (value > 0n);
  return text;
}

/** @throws RangeError on a character outside the alphabet, or a number over `size` bytes */
export function decodeBase58(text: string, size: number): Uint8Array {
  let value = 0n;
  for (const char of text) {
    const digit = DIGITS.get(char);
    if (digit === undefined) throw new RangeError(`"${char}" is not a base58 character`);
    value = value * 58n + BigInt(digit);
  }
  if (value >= 1n << BigInt(size * 8)) throw new RangeError(`the number is over ${size} bytes`);
  const bytes = new Uint8Array(size);
  for (let at = size - 1; at >= 0; at--) {
    bytes[at] = Number(value & 0xffn);
    value >>= 8n;
  }
  return bytes;
}
