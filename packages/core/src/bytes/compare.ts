/** Below this size a view of words costs more than it saves. */
const WORDS_SIZE_MIN = 256;
const NO_WORDS = new Int32Array(0);

/** Whether both hold the same bytes. Not for secrets: it stops at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const left = wordsOf(a);
  const right = wordsOf(b);
  const wordCount = Math.min(left.length, right.length);
  for (let at = 0; at < wordCount; at++) if (left[at] !== right[at]) return false;
  for (let at = wordCount * 4; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Whether every byte is zero. */
export function isZero(bytes: Uint8Array): boolean {
  const words = wordsOf(bytes);
  for (let at = 0; at < words.length; at++) if (words[at] !== 0) return false;
  for (let at = words.length * 4; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** The same memory, four bytes at a time; empty where that is not allowed, or not worth it. */
function wordsOf(bytes: Uint8Array): Int32Array {
  if (bytes.length < WORDS_SIZE_MIN || bytes.byteOffset % 4 !== 0) return NO_WORDS;
  return new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
}

/** One array with the bytes of all parts. A copy. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
