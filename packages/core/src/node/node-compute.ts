import { createHash, webcrypto } from "node:crypto";
import { promisify } from "node:util";
import {
  constants,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from "node:zlib";
import { BytesError } from "../bytes/bytes-error.ts";
import { concatBytes } from "../bytes/compare.ts";
import { outlineZstdFrame } from "../bytes/zstd-frame.ts";
import type { Compute } from "../compute.ts";
import { GraftError } from "../error.ts";

const compressOffLoop = promisify(zstdCompress);
const decompressOffLoop = promisify(zstdDecompress);

/** zstd's own default. Higher levels cost more time than they save bytes on database pages. */
const PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 3 };

/**
 * Inputs up to here are done at once: handing work to another thread and back costs 0.1–0.2 ms, as
 * much as compressing 16 KiB (0.07 ms) or decompressing 64 KiB (0.12 ms) right here. Measured on 4
 * KiB pages, the call is 3 to 4 times faster.
 */
const COMPRESS_AT_ONCE_SIZE_MAX = 16 * 1024;
const DECOMPRESS_AT_ONCE_SIZE_MAX = 64 * 1024;

/** zlib takes no smaller chunk of output. */
const CHUNK_SIZE_MIN = 64;

/** From here on a hash is made on another thread: 64 KiB take 0.06 ms, as much as the way there. */
const DIGEST_OFF_LOOP_SIZE_MIN = 64 * 1024;

/** What every zstd decoder must be able to afford (RFC 8878 §3.1.1.1.2). */
const WINDOW_SIZE_MAX = 8n * 1024n * 1024n;

/** zstd and large digests on libuv's thread pool, SHA-256 from OpenSSL. */
export const nodeCompute: Compute = {
  sha256(...parts: readonly Uint8Array[]): Uint8Array {
    const hash = createHash("sha256");
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },

  async digest(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size < DIGEST_OFF_LOOP_SIZE_MIN) return nodeCompute.sha256(...parts);
    const [first] = parts;
    const whole = first !== undefined && parts.length === 1 ? first : concatBytes(parts);
    // The digest makes a copy of its own, whatever holds the bytes.
    const digest = await webcrypto.subtle.digest("SHA-256", whole as Uint8Array<ArrayBuffer>);
    return new Uint8Array(digest);
  },

  async compress(bytes: Uint8Array): Promise<Uint8Array> {
    // One chunk holds whatever comes out of it: less would be handed over piece by piece, each with
    // a turn on the other thread and one here.
    const options = { params: PARAMETERS, chunkSize: compressedSizeMax(bytes.length) };
    if (bytes.length <= COMPRESS_AT_ONCE_SIZE_MAX) return plain(zstdCompressSync(bytes, options));
    return plain(await compressOffLoop(bytes, options));
  },

  async decompress(bytes: Uint8Array, size: number): Promise<Uint8Array> {
    checkOutline(bytes, size);
    const content = await decompressChecked(bytes, size);
    if (content.length !== size) {
      throw new GraftError("corrupt", `zstd frame holds ${content.length} bytes, expected ${size}`);
    }
    return content;
  },
};

/** ZSTD_compressBound: what any content of a size takes at most. */
function compressedSizeMax(size: number): number {
  const small = 128 * 1024;
  return size + (size >> 8) + (size < small ? (small - size) >> 11 : 0) + CHUNK_SIZE_MIN;
}

/** Refuses by what the frame says of itself, before memory is taken. */
function checkOutline(bytes: Uint8Array, size: number): void {
  const { size: frameSize, contentSize = BigInt(size), windowSize } = outlineOf(bytes);
  if (frameSize !== bytes.length) {
    const extra = bytes.length - frameSize;
    throw new GraftError("corrupt", `${extra} bytes follow a zstd frame of ${frameSize} bytes`);
  }
  if (contentSize !== BigInt(size)) {
    throw new GraftError("corrupt", `zstd frame claims ${contentSize} bytes, expected ${size}`);
  }
  if (windowSize > WINDOW_SIZE_MAX && windowSize > BigInt(size)) {
    throw new GraftError("corrupt", `zstd frame claims a window of ${windowSize} bytes`);
  }
}

function outlineOf(bytes: Uint8Array): ReturnType<typeof outlineZstdFrame> {
  try {
    return outlineZstdFrame(bytes);
  } catch (cause) {
    if (!(cause instanceof BytesError)) throw cause;
    throw new GraftError("corrupt", `not one whole zstd frame: ${cause.message}`, { cause });
  }
}

async function decompressChecked(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  // zlib refuses an output limit of 0; one byte too many is caught by the caller. The chunk is what
  // is expected, so that nothing is taken in vain, joined or cut: a third of the time.
  const chunkSize = Math.max(CHUNK_SIZE_MIN, size);
  const options = { maxOutputLength: Math.max(1, size), chunkSize };
  try {
    if (size <= DECOMPRESS_AT_ONCE_SIZE_MAX) return plain(zstdDecompressSync(bytes, options));
    return plain(await decompressOffLoop(bytes, options));
  } catch (cause) {
    throw new GraftError("corrupt", `zstd frame does not decompress to ${size} bytes`, { cause });
  }
}

/**
 * Never a Buffer: its own slice and toString would leak into callers. A copy where zlib cut the
 * result from a larger chunk, which a cached frame of 800 bytes would otherwise keep alive.
 */
function plain(buffer: Uint8Array): Uint8Array {
  if (buffer.buffer.byteLength > buffer.byteLength) return new Uint8Array(buffer);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
