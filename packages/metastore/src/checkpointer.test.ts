import { CheckpointReader, decodeCatalogCommit } from "@graft/catalog";
import {
  GraftError,
  type Lsn,
  type Page,
  toLsn,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { encodeCommitRecord, entriesPageSet, logKey, volumePrefix } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore, type ObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { describe, expect, test } from "vitest";
import { checkpointUrgency } from "./checkpoint-due.ts";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

const lsnOf = (value: number): Lsn => toLsn(BigInt(value));

/** Commits at LSN `from` … `to`: commit n writes page n with its number in it. */
async function fill(
  on: TestMetastore,
  from: number,
  to: number,
  as: Pick<TestMetastore, "volumeId" | "clientId" | "random" | "compute"> = on,
): Promise<void> {
  for (let at = from; at <= to; at++) {
    const data = new Uint8Array(4096).fill(at);
    const pages: Page[] = [{ index: toPageIndex(at), data }];
    const base = at === 1 ? undefined : lsnOf(at - 1);
    const change = { pageCount: toPageCount(at), lowPageCount: toPageCount(at) };
    await on.metastore.commit(await inlineCommitOf(as, base, pages, change));
  }
}

async function recordAt(store: ObjectStore, volumeId: VolumeId, at: number) {
  const stored = await store.get(logKey(volumeId, lsnOf(at)));
  const bytes = stored?.bytes ?? new Uint8Array(0);
  return decodeCatalogCommit(bytes, { volumeId, lsn: lsnOf(at) }, nodeCompute).record;
}

/** What the newest record names, walked to the last entry: every page once, at its LSN. */
async function mustBeWhole(store: ObjectStore, volumeId: VolumeId, head: number): Promise<void> {
  const record = await recordAt(store, volumeId, head);
  const tail = record.tailIndex?.commits.map(({ lsn }) => Number(lsn)) ?? [];
  const floor = Number(record.checkpoint?.lsn ?? 0n);
  expect(tail).toEqual(Array.from({ length: head - 1 - floor }, (_, at) => head - 1 - at));
  if (record.checkpoint === undefined) return;
  const reader = new CheckpointReader({ objects: store, compute: nodeCompute });
  const root = await reader.root(volumeId, record.checkpoint, undefined);
  const entries = await reader.entries(root, root.blocks, undefined);
  expect(entriesPageSet(entries).cardinality).toBe(floor);
  for (const { lsn, pageSet } of entries) expect([...pageSet]).toEqual([Number(lsn)]);
}

async function keysOf(store: ObjectStore, volumeId: VolumeId): Promise<readonly string[]> {
  const prefix = `${volumePrefix(volumeId)}checkpoints/`;
  return (await Array.fromAsync(store.list(prefix))).map(({ key }) => key.slice(prefix.length));
}

describe("the checkpointer", () => {
  test("writes a checkpoint at the 64th commit, and later commits name it", async () => {
    const on = createTestMetastore();
    await fill(on, 1, 64);
    await on.whenCheckpointed();
    await fill(on, 65, 66);
    const record = await recordAt(on.store, on.volumeId, 65);
    expect(record.checkpoint?.lsn).toBe(64n);
    expect(record.tailIndex).toEqual({ commits: [], shrinks: [] });
    await mustBeWhole(on.store, on.volumeId, 66);
    const { checkpointLsn } = await on.metastore.getSnapshot(on.volumeId, undefined);
    expect(checkpointLsn).toBe(64n);
  });

  test("keeps the tail short however long the history is, and every page findable", async () => {
    const on = createTestMetastore();
    await fill(on, 1, 300);
    await on.whenCheckpointed();
    await fill(on, 301, 301);
    await mustBeWhole(on.store, on.volumeId, 301);
    const { checkpoint } = await recordAt(on.store, on.volumeId, 301);
    expect(Number(checkpoint?.lsn)).toBeGreaterThan(301 - 64 - 1);
  });

  test("goes on where a restarted node left it, by the record alone", async () => {
    const on = createTestMetastore();
    await fill(on, 1, 100);
    await on.whenCheckpointed();
    const next = createTestMetastore({ store: on.store });
    await fill(next, 101, 200, on);
    await next.whenCheckpointed();
    await fill(next, 201, 201, on);
    await mustBeWhole(on.store, on.volumeId, 201);
  });

  test("at two nodes at once: one root is stored, and both name it", async () => {
    const store = new MemoryObjectStore();
    const on = createTestMetastore({ store });
    await fill(on, 1, 63);
    await on[Symbol.asyncDispose]();
    const nodes = [2, 3].map((seed) =>
      createTestMetastore({ store, random: new SeededRandom(seed) }),
    );
    const [a, b] = nodes;
    if (a === undefined || b === undefined) throw new Error("two nodes");
    const data = new Uint8Array(4096).fill(64);
    const change = { pageCount: toPageCount(64), lowPageCount: toPageCount(64) };
    const page = { index: toPageIndex(64), data };
    const request = await inlineCommitOf(on, lsnOf(63), [page], change);
    // The second is a replay of the first: both see the commit, both find the checkpoint due.
    await Promise.all(nodes.map((node) => node.metastore.commit(request)));
    await Promise.all(nodes.map((node) => node.whenCheckpointed()));
    const keys = await keysOf(store, on.volumeId);
    expect(keys.filter((key) => !key.includes("-"))).toHaveLength(1);
    expect(keys.filter((key) => key.includes("-"))).toHaveLength(2);
    await fill(a, 65, 65, on);
    await fill(b, 66, 66, on);
    const named = [65, 66].map(async (at) => (await recordAt(store, on.volumeId, at)).checkpoint);
    const [first, second] = await Promise.all(named);
    expect(first).toEqual(second);
    await mustBeWhole(store, on.volumeId, 66);
  });

  test("that cannot write refuses the commit after four times the limit, and lets it through once it can", async () => {
    const inner = new MemoryObjectStore();
    const clock = new SimulatedClock({ mode: "auto" });
    const store = new BlockedCheckpoints(inner);
    const on = createTestMetastore({ store, clock });
    await fill(on, 1, 256);
    await on.whenCheckpointed();
    const refused = fill(on, 257, 257);
    await expect(refused).rejects.toMatchObject({ code: "unavailable" });
    expect(await inner.get(logKey(on.volumeId, lsnOf(257)))).toBeUndefined();
    store.isBlocked = false;
    await fill(on, 257, 258);
    const record = await recordAt(inner, on.volumeId, 257);
    expect(record.checkpoint?.lsn).toBe(256n);
    await mustBeWhole(inner, on.volumeId, 258);
  });

  test("a record without a tail index is walked below, and the next one has it again", async () => {
    const on = createTestMetastore();
    await fill(on, 1, 10);
    const { tailIndex: _, ...bare } = await recordAt(on.store, on.volumeId, 10);
    await on.store.put(
      logKey(on.volumeId, lsnOf(10)),
      encodeCommitRecord(bare as never, nodeCompute),
    );
    const cold = createTestMetastore({ store: on.store });
    const { changes } = await cold.metastore.pullGraft(on.volumeId, { start: lsnOf(4) });
    expect([...(changes?.pageSet ?? [])]).toEqual([4, 5, 6, 7, 8, 9, 10]);
    await fill(cold, 11, 11, on);
    await mustBeWhole(on.store, on.volumeId, 11);
  });

  test("a pull over thousands of commits on a cold node costs what changed", async () => {
    const on = createTestMetastore();
    await fill(on, 1, 200);
    await on.whenCheckpointed();
    await fill(on, 201, 220);
    await on[Symbol.asyncDispose]();
    const clock = new SimulatedClock({ mode: "auto" });
    const metered = new MeteredObjectStore(on.store, clock);
    const cold = createTestMetastore({ store: metered, clock });
    const { changes } = await cold.metastore.pullGraft(on.volumeId, { start: lsnOf(6) });
    expect([...(changes?.pageSet ?? [])]).toEqual(Array.from({ length: 215 }, (_, at) => at + 6));
    // Hint, head record, the lookup above it, root, block.
    expect(metered.meter.requestCount).toBeLessThanOrEqual(6);
  });
});

describe("a checkpoint is", () => {
  const base = { checkpoint: undefined, logSize: 0, storedSize: 1024 * 1024 };
  const at = async (lsn: number) => {
    const on = createTestMetastore();
    await fill(on, 1, 1);
    return { ...(await recordAt(on.store, on.volumeId, 1)), lsn: lsnOf(lsn) };
  };

  test("due after 64 commits, 16 MiB of log or 64 KiB of tail; overdue at four times that", async () => {
    const few = await at(63);
    expect(checkpointUrgency({ ...base, record: few })).toBe("none");
    expect(checkpointUrgency({ ...base, record: await at(64) })).toBe("due");
    expect(checkpointUrgency({ ...base, record: await at(256) })).toBe("overdue");
    const mib = 1024 * 1024;
    expect(checkpointUrgency({ ...base, record: few, logSize: 16 * mib })).toBe("due");
    expect(checkpointUrgency({ ...base, record: few, logSize: 64 * mib })).toBe("overdue");
    const segments = (count: number) =>
      Array.from({ length: count }, () => ({
        segmentId: "s" as never,
        pageSet: entriesPageSet([]),
        size: 1000,
        frames: [],
      }));
    const hash = new Uint8Array(32);
    expect(checkpointUrgency({ ...base, record: { ...few, segments: segments(1500) } })).toBe(
      "due",
    );
    const heavy = { ...few, segments: segments(6000) };
    expect(checkpointUrgency({ ...base, record: heavy })).toBe("overdue");
    const done = { ...base, record: heavy, checkpoint: { lsn: heavy.lsn, hash } };
    expect(checkpointUrgency(done)).toBe("none");
  });
});

/** Takes no checkpoint while it is blocked. */
class BlockedCheckpoints extends FaultyObjectStore {
  isBlocked = true;
  readonly #inner: ObjectStore;

  constructor(inner: ObjectStore) {
    super(inner, [], new SeededRandom(1), new SimulatedClock());
    this.#inner = inner;
  }

  override async create(...args: Parameters<ObjectStore["create"]>): Promise<"created" | "exists"> {
    if (this.isBlocked && args[0].includes("/checkpoints/")) {
      throw new GraftError("unavailable", "the store takes no checkpoint");
    }
    return await this.#inner.create(...args);
  }
}
