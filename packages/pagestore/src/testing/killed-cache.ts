/**
 * A process that fills a disk cache of frames as fast as the disk takes them, until it is killed:
 * `node killed-cache.ts DIRECTORY SIZE_MAX SEED`. Says "open" or "busy" when it knows. For tests.
 */
import { nodeCompute, nodeFileSystem, systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { silentLog } from "@graft/rpc";
import { openDiskFrameCache } from "../frame-cache/open-disk-frame-cache.ts";

/** A frame whose name determines its content. */
export function frameOf(name: string): Uint8Array {
  const seed = [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7);
  const random = new SeededRandom(seed);
  const bytes = new Uint8Array(random.integer(1, 64 * 1024));
  random.fill(bytes);
  return bytes;
}

if (import.meta.main) await main(process.argv.slice(2));

async function main([directory = "", sizeMax = "0", seed = "0"]: readonly string[]): Promise<void> {
  const cache = await openDiskFrameCache({
    directory,
    sizeMax: Number(sizeMax),
    fileSystem: nodeFileSystem,
    clock: systemClock,
    compute: nodeCompute,
    log: silentLog,
  });
  process.stdout.write(cache === undefined ? "busy\n" : "open\n");
  for (let at = 0; cache !== undefined; at++) {
    const name = `${seed}-${at % 3000}`;
    cache.put(name, { codec: "raw", data: frameOf(name) });
    // Some are wanted again, so that slabs are moved as well as written and removed.
    if (at % 3 === 0) await cache.get(`${seed}-${Math.floor(at / 2) % 3000}`);
    if (at % 8 === 0) await systemClock.sleep(1);
  }
}
