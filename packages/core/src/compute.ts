/**
 * The only door to heavy CPU work. Compression and `digest` may run on other threads, so that an
 * event loop that also serves requests is never stalled; `sha256` is synchronous because it is used
 * inside codecs.
 */
export interface Compute {
  /** SHA-256 over the concatenation of the parts: 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** The same, for what may be large; the parts must not change until it resolved. */
  digest(...parts: readonly Uint8Array[]): Promise<Uint8Array>;
  /** One zstd frame that decompresses to `bytes`, which must not change until it resolved. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /**
   * The content of one zstd frame, which must be exactly `size` bytes.
   *
   * @throws GraftError `corrupt` when it is not exactly one whole frame (bytes after it included)
   *   or its content has another size. Whatever the frame claims, memory taken stays within `size`
   *   and a decoder window of 8 MiB.
   */
  decompress(bytes: Uint8Array, size: number): Promise<Uint8Array>;
}
