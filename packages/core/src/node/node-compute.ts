import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";
import type { Compute } from "../compute.ts";
import { GraftError } from "../error.ts";

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** zstd's own default: 3. Higher levels cost more time than they save bytes on database pages. */
const LEVEL = 3;

/** zstd on libuv's thread pool, SHA-256 from OpenSSL. */
export const nodeCompute: Compute = {
  sha256(...parts: readonly Uint8Array[]): Uint8Array {
    const hash = createHash("sha256");
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },

  async compress(bytes: Uint8Array): Promise<Uint8Array> {
    const params = { [constants.ZSTD_c_compressionLevel]: LEVEL };
    return plain(await compress(bytes, { params }));
  },

  async decompress(bytes: Uint8Array, size: number): Promise<Uint8Array> {
    let content: Uint8Array;
    try {
      content = plain(await decompress(bytes, { maxOutputLength: Math.max(1, size) }));
    } catch (cause) {
      throw new GraftError("corrupt", `zstd frame does not decompress to ${size} bytes`, { cause });
    }
    if (content.length !== size) {
      throw new GraftError("corrupt", `zstd frame holds ${content.length} bytes, expected ${size}`);
    }
    return content;
  },
};

/** A plain view: a Buffer's own slice and toString would leak into callers. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
