/** Bits a character, below which a text is a name, a path, or a sentence. */
const BITS_MIN = { hex: 3, base64: 4 } as const;
const HEX_SIZE_MIN = 32;
const SIZE_MIN = 20;

/**
 * True for texts that a generator made rather than a person: many different signs, of each kind.
 */
export function looksRandom(text: string): boolean {
  if (/^[\da-f]+$/i.test(text)) {
    return text.length >= HEX_SIZE_MIN && entropyBits(text) >= BITS_MIN.hex;
  }
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(text)).length;
  return text.length >= SIZE_MIN && kinds === 3 && entropyBits(text) >= BITS_MIN.base64;
}

/** Shannon's, of the characters of the text itself, in bits a character. */
function entropyBits(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values())
    bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
