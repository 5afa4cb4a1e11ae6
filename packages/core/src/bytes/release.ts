/** Less is not worth the call, and may be all of what one read from a socket brought for many. */
const SIZE_MIN: number = 128 * 1024;

/**
 * Gives the memory of bytes back now instead of when a collector comes by, which may be a hundred
 * megabytes later. Nobody may look at them any more: they are empty afterwards. Bytes that are a
 * part of something larger, or few, are left alone.
 */
export function releaseBytes(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (!(buffer instanceof ArrayBuffer)) return;
  if (byteLength < SIZE_MIN || byteLength !== buffer.byteLength) return;
  buffer.transfer(0);
}
