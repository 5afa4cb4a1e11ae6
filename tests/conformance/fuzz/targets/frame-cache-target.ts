/** The PageStore's disk cache: files that anything may have happened to since the last start. */
import { nodeCompute as compute } from "@graft/core/node";
import { SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { openDiskFrameCache } from "@graft/pagestore";
import { silentLog } from "@graft/rpc";
import type { FuzzTarget } from "../fuzz-target.ts";

const KEYS = Array.from({ length: 40 }, (_, at) => `volume/${at}`);
const SLAB = "/cache/frames/frames-000000000001.slab";

async function open(disk: SimulatedDisk) {
  const cache = await openDiskFrameCache({
    directory: "/cache",
    sizeMax: 1024 * 1024,
    fileSystem: disk,
    clock: new SimulatedClock({ mode: "auto" }),
    compute,
    log: silentLog,
  });
  if (cache === undefined) throw new Error("the cache does not open");
  return cache;
}

export const frameCacheTarget: FuzzTarget = {
  name: "frame-cache",
  count: 1500,
  async seeds(random) {
    const disk = new SimulatedDisk();
    {
      await using cache = await open(disk);
      for (const key of KEYS) {
        const data = new Uint8Array(random.integer(1, 300));
        random.fill(data);
        cache.put(key, { codec: random.pick(["raw", "zstd"]), data });
      }
    }
    const slab = await disk.readWhole(SLAB);
    if (slab === undefined) throw new Error("no slab was written");
    return [slab];
  },
  async run(bytes) {
    const disk = new SimulatedDisk();
    disk.makeDirectory("/cache/frames");
    await disk.writeWhole(SLAB, [bytes], "replace");
    await using cache = await open(disk);
    let found = 0;
    for (const key of KEYS) if ((await cache.get(key)) !== undefined) found++;
    return found > 0;
  },
};
