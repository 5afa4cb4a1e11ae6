import type { MetricsRegistry } from "@graft/rpc";
import type { DiskFrameCache } from "./disk-frame-cache.ts";
import type { FrameCache } from "./frame-cache.ts";

/** Registers `graft_frame_cache_*`: what each tier holds. */
export function registerCacheMetrics(
  metrics: MetricsRegistry,
  memory: FrameCache,
  disk: DiskFrameCache | undefined,
): void {
  metrics.callback("gauge", "graft_frame_cache_bytes", "What the cache takes.", () => {
    const inMemory = { labels: { tier: "memory" }, value: memory.stats().bytes };
    if (disk === undefined) return [inMemory];
    return [inMemory, { labels: { tier: "disk" }, value: disk.stats().bytes }];
  });
  if (disk !== undefined) registerDiskMetrics(metrics, disk);
}

function registerDiskMetrics(metrics: MetricsRegistry, disk: DiskFrameCache): void {
  const troubles = [
    ["corrupt", "Frames on disk that were not what their name says."],
    ["dropped", "Frames that the disk cache could not take."],
    ["failures", "Calls of the disk cache that failed."],
  ] as const;
  for (const [name, help] of troubles) {
    metrics.callback("counter", `graft_frame_cache_disk_${name}_total`, help, () => [
      { labels: {}, value: disk.stats()[name] },
    ]);
  }
}
