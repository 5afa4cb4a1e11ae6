import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { compressionGzip as Gzip } from "@connectrpc/connect-node";

/** Connect's seam for a compression algorithm. */
export type Compression = typeof Gzip;

const zstd = {
  compress: promisify(zlib.zstdCompress),
  decompress: promisify(zlib.zstdDecompress),
};
const gzip = { compress: promisify(zlib.gzip), decompress: promisify(zlib.gunzip) };
const brotli = {
  compress: promisify(zlib.brotliCompress),
  decompress: promisify(zlib.brotliDecompress),
};

/** Answers smaller than this are sent as they are: a packet is a packet. Bytes. */
export const COMPRESS_SIZE_MIN = 1024;

/**
 * Bytes that zlib hands over at once. Its own 16 KiB cost a turn on another thread and one here,
 * each, and a copy to join them.
 */
const CHUNK_SIZE_MIN: number = 16 * 1024;
const CHUNK_SIZE_MAX: number = 1024 * 1024;

/** What comes out of a compression fits into one chunk, but for what does not compress at all. */
function compressedChunk({ length }: Uint8Array): number {
  return clamp(length + (length >> 8) + 64);
}

/** Pages shrink to a quarter when they shrink well. */
function decompressedChunk({ length }: Uint8Array): number {
  return clamp(length * 4);
}

function clamp(size: number): number {
  return Math.min(CHUNK_SIZE_MAX, Math.max(CHUNK_SIZE_MIN, size));
}

/** zstd at level 1: pages are often compressed in storage already, so speed counts. */
export const zstdCompression: Compression = {
  name: "zstd",
  async compress(bytes) {
    return owned(
      await zstd.compress(bytes, {
        params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 },
        chunkSize: compressedChunk(bytes),
      }),
    );
  },
  decompress: (bytes, readMaxBytes) => bounded(zstd.decompress, bytes, readMaxBytes),
};

/** gzip at its fastest level, for clients without zstd. */
export const gzipCompression: Compression = {
  name: "gzip",
  async compress(bytes) {
    return owned(await gzip.compress(bytes, { level: 1, chunkSize: compressedChunk(bytes) }));
  },
  decompress: (bytes, readMaxBytes) => bounded(gzip.decompress, bytes, readMaxBytes),
};

/** brotli at level 1, for browsers, most of which have no zstd. Slower than gzip to unpack. */
export const brotliCompression: Compression = {
  name: "br",
  async compress(bytes) {
    return owned(
      await brotli.compress(bytes, {
        params: {
          [zlib.constants.BROTLI_PARAM_QUALITY]: 1,
          [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
        chunkSize: compressedChunk(bytes),
      }),
    );
  },
  decompress: (bytes, readMaxBytes) => bounded(brotli.decompress, bytes, readMaxBytes),
};

/** What may compress a message, by its name on the wire. */
export const COMPRESSIONS: Readonly<Record<CompressionName, Compression>> = {
  zstd: zstdCompression,
  gzip: gzipCompression,
  br: brotliCompression,
};

export type CompressionName = "zstd" | "gzip" | "br";

type Decompress = (
  bytes: Uint8Array,
  options: { readonly maxOutputLength: number; readonly chunkSize: number },
) => Promise<Uint8Array>;

async function bounded(
  decompress: Decompress,
  bytes: Uint8Array,
  sizeMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes.length === 0) return new Uint8Array(0);
  try {
    return owned(
      await decompress(bytes, {
        maxOutputLength: sizeMax,
        chunkSize: decompressedChunk(bytes),
      }),
    );
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    throw new ConnectError(
      tooLarge ? `message is over ${sizeMax} bytes once decompressed` : "decompression failed",
      tooLarge ? Code.ResourceExhausted : Code.InvalidArgument,
      undefined,
      undefined,
      cause,
    );
  }
}

/** Never shared memory: what `Uint8Array<ArrayBuffer>` says. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return new Uint8Array(bytes);
}
