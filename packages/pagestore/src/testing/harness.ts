import type { VolumeCatalog } from "@graft/catalog";
import type { PageSize } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { MemoryObjectStore, MeteredObjectStore, type ObjectStore } from "@graft/object-store";
import { createPagestore, type PagestoreInstance } from "../create-pagestore.ts";
import type { DiskFrameCache } from "../frame-cache/disk-frame-cache.ts";
import type { QueryRunner } from "../query/query-runner.ts";
import { LogCommitSource } from "./log-commit-source.ts";
import { VolumeWriter } from "./volume-writer.ts";

/** A PageStore over a store in memory, with a volume to fill. */
export interface Harness extends PagestoreInstance {
  /** What the PageStore reads: its requests are counted. Writers of the harness go past it. */
  readonly store: MeteredObjectStore;
  readonly source: LogCommitSource;
  readonly volume: VolumeWriter;
  /** Another volume of the same store. */
  readonly createVolume: (pageSize?: PageSize) => VolumeWriter;
  /** A PageStore with nothing in its caches. */
  readonly restart: () => Harness;
}

export interface HarnessOptions {
  readonly seed?: number;
  readonly pageSize?: PageSize;
  readonly frameCacheSize?: number;
  readonly volumeBytesMax?: number;
  readonly catalog?: () => VolumeCatalog;
  readonly diskCache?: () => DiskFrameCache | undefined;
  readonly queries?: QueryRunner;
  /** Put between the PageStore and the store: faults. */
  readonly wrap?: (store: ObjectStore) => ObjectStore;
}

export function createHarness(options: HarnessOptions = {}): Harness {
  const clock = new SimulatedClock({ mode: "auto" });
  const random = new SeededRandom(options.seed ?? 1);
  const inner = new MemoryObjectStore();
  const createVolume = (pageSize?: PageSize): VolumeWriter =>
    new VolumeWriter({
      store: inner,
      clock,
      random,
      compute: nodeCompute,
      ...(pageSize === undefined ? {} : { pageSize }),
    });
  const volume = createVolume(options.pageSize);
  const start = (): Harness => {
    const store = new MeteredObjectStore(options.wrap?.(inner) ?? inner, clock);
    const source = new LogCommitSource(inner);
    const instance = createPagestore({
      store,
      commitSource: source,
      catalog: options.catalog?.(),
      clock,
      random,
      compute: nodeCompute,
      frameCacheSize: options.frameCacheSize,
      volumeBytesMax: options.volumeBytesMax,
      diskCache: options.diskCache?.(),
      queries: options.queries,
    });
    return { ...instance, store, source, volume, createVolume, restart: start };
  };
  return start();
}
