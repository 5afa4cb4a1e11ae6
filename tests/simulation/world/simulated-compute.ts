import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type Clock, type Compute, GraftError } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import type { SeededRandom } from "@graft/core/testing";

/** Longest that off-loop work takes, ms. */
const WORK_MS_MAX = 3;

/** Heavy work without threads: done at once, answered some simulated time later. */
export function createSimulatedCompute(clock: Clock, random: SeededRandom): Compute {
  const work = async (): Promise<void> => {
    if (random.chance(0.5)) await clock.sleep(random.unit() * WORK_MS_MAX);
  };
  return {
    sha256: (...parts) => nodeCompute.sha256(...parts),
    async digest(...parts): Promise<Uint8Array> {
      const hash = nodeCompute.sha256(...parts);
      await work();
      return hash;
    },
    async compress(bytes): Promise<Uint8Array> {
      const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
      const compressed = new Uint8Array(zstdCompressSync(bytes, level));
      await work();
      return compressed;
    },
    async decompress(bytes, size): Promise<Uint8Array> {
      await work();
      return inflate(bytes, size);
    },
  };
}

/** As `Compute.decompress` promises: who is given wrong bytes says so. */
function inflate(bytes: Uint8Array, size: number): Uint8Array {
  try {
    const content = new Uint8Array(zstdDecompressSync(bytes, { maxOutputLength: size }));
    if (content.length === size) return content;
  } catch (cause) {
    throw new GraftError("corrupt", "these bytes are no zstd frame", { cause });
  }
  throw new GraftError("corrupt", `the frame does not hold ${size} bytes`);
}
