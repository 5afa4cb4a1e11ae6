import type { Transport } from "@connectrpc/connect";
import { MemoryVolumeCatalog, type VolumeCatalog } from "@graft/catalog";
import {
  type ClientId,
  type Clock,
  type Compute,
  createClientId,
  createCommitId,
  createVolumeId,
  type Lsn,
  PAGE_SIZE_DEFAULT,
  type Page,
  type Random,
  toPageCount,
  type VolumeId,
} from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { createStillCompute, SeededRandom, SimulatedClock } from "@graft/core/testing";
import { encodeFrame } from "@graft/format";
import { MemoryObjectStore, type ObjectStore } from "@graft/object-store";
import {
  type CommitRequest,
  createMetastoreClient,
  type Log,
  type MetastoreClient,
  type MetricsRegistry,
  present,
  silentLog,
} from "@graft/rpc";
import { createInMemoryTransport } from "@graft/rpc/testing";
import { createMetastore, type MetastoreInstance } from "../create-metastore.ts";
import type { Notify } from "../notify/notify-config.ts";

export interface TestMetastoreOptions {
  readonly store?: ObjectStore;
  readonly catalog?: VolumeCatalog;
  /** Default: one that jumps ahead when nothing else can run. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  readonly metrics?: MetricsRegistry;
  readonly commitDeadlineMs?: number;
  readonly notify?: Notify;
  readonly volumeBytesMax?: number;
}

/** A MetaStore and what it was made of. */
export interface TestMetastore extends MetastoreInstance {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly transport: Transport;
  readonly client: MetastoreClient;
  readonly volumeId: VolumeId;
  readonly clientId: ClientId;
}

/**
 * Another one on the same store is another node, or the same after a restart with its caches
 * deleted.
 */
export function createTestMetastore(options: TestMetastoreOptions = {}): TestMetastore {
  const store = options.store ?? new MemoryObjectStore();
  const clock = options.clock ?? new SimulatedClock({ mode: "auto" });
  const random = options.random ?? new SeededRandom(1);
  const compute = createStillCompute(nodeCompute, clock);
  const instance = createMetastore({
    store,
    clock,
    random,
    compute,
    catalog: options.catalog ?? new MemoryVolumeCatalog(),
    log: options.log ?? silentLog,
    metrics: options.metrics,
    commitDeadlineMs: options.commitDeadlineMs,
    notify: options.notify,
    volumeBytesMax: options.volumeBytesMax,
  });
  const transport = createInMemoryTransport(instance.routes, { clock });
  const ids = { clock, random };
  return {
    ...instance,
    store,
    clock,
    random,
    compute,
    transport,
    client: createMetastoreClient(transport),
    volumeId: createVolumeId(ids),
    clientId: createClientId(ids),
    [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose](),
  };
}

/** A commit of inline pages, under a fresh commit id. */
export async function inlineCommitOf(
  on: Pick<TestMetastore, "volumeId" | "clientId" | "random" | "compute">,
  base: Lsn | undefined,
  pages: readonly Page[],
  change: Partial<CommitRequest> = {},
): Promise<CommitRequest> {
  const { volumeId, clientId, random, compute } = on;
  const pageSize = change.pageSize ?? PAGE_SIZE_DEFAULT;
  const frames = [];
  if (pages.length > 0) frames.push(await encodeFrame(pages, { volumeId, pageSize }, compute));
  const pageCount = toPageCount(pages.reduce((most, page) => Math.max(most, page.index), 0));
  return {
    ...present({ baseLsn: base }),
    volumeId,
    clientId,
    pageSize,
    pageCount,
    lowPageCount: change.pageCount ?? pageCount,
    segments: [],
    inlineFrames: frames,
    commitId: createCommitId(random),
    ...change,
  };
}
