import { CheckpointReader, decodeCatalogCommit } from "@graft/catalog";
import {
  GraftError,
  isGraftError,
  type Lsn,
  type Page,
  toLsn,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import {
  checkpointRootKey,
  decodeCheckpointRoot,
  decodeFrame,
  logKey,
  lowestCountSince,
  volumePrefix,
} from "@graft/format";
import { MemoryObjectStore, type ObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import type { CommitRequest } from "@graft/rpc";
import { expect, test } from "vitest";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

const PAGE_MAX = 90;

/** A volume that grows and shrinks, and who wrote each of its pages last. */
class Model {
  readonly writers = new Map<number, number>();
  readonly random: SeededRandom;
  #pageCount = 1;
  lsn = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  get base(): Lsn | undefined {
    return this.lsn === 0 ? undefined : lsnOf(this.lsn);
  }

  /** The next commit's pages: each is filled with its LSN. */
  plan(): { readonly pages: readonly Page[]; readonly pageCount: number; readonly low: number } {
    const { random } = this;
    const isShrink = random.chance(0.05);
    const pageCount = isShrink
      ? random.integer(1, this.#pageCount)
      : Math.min(PAGE_MAX, this.#pageCount + random.integer(0, 2));
    const low = isShrink ? random.integer(0, pageCount) : pageCount;
    const indexes = new Set([random.integer(1, pageCount), random.integer(1, pageCount)]);
    const pages = [...indexes].map((index) => ({
      index: toPageIndex(index),
      data: new Uint8Array(4096).fill((this.lsn + 1) % 251),
    }));
    return { pages: pages.sort((a, b) => a.index - b.index), pageCount, low };
  }

  apply({ pages, pageCount, low }: ReturnType<Model["plan"]>): void {
    this.lsn++;
    for (const page of this.writers.keys()) if (page > low) this.writers.delete(page);
    for (const { index } of pages) this.writers.set(index, this.lsn);
    this.#pageCount = pageCount;
  }
}

function lsnOf(value: number): Lsn {
  return toLsn(BigInt(value));
}

/** Who wrote each page last, by the record at the head and the checkpoint it names alone. */
async function mapAt(
  store: ObjectStore,
  volumeId: VolumeId,
  head: number,
): Promise<ReadonlyMap<number, number>> {
  const lsn = lsnOf(head);
  const stored = await store.get(logKey(volumeId, lsn));
  const bytes = stored?.bytes ?? new Uint8Array(0);
  const { record } = decodeCatalogCommit(bytes, { volumeId, lsn }, nodeCompute);
  const { tailIndex, checkpoint, inlineFrames } = record;
  if (tailIndex === undefined) throw new Error("the record has a tail index");
  const map = new Map<number, number>();
  if (checkpoint !== undefined) {
    const reader = new CheckpointReader({ objects: store, compute: nodeCompute });
    const root = await reader.root(volumeId, checkpoint, undefined);
    const lowest = lowestCountSince(tailIndex.shrinks, undefined) ?? PAGE_MAX;
    for (const { lsn: at, pageSet, segmentId, frame } of await reader.entries(
      root,
      root.blocks,
      undefined,
    )) {
      for (const page of pageSet) if (page <= lowest) map.set(page, Number(at));
      await mustHoldPages(store, { volumeId, segmentId, pageSet, frame, at: Number(at) });
    }
  }
  for (const { lsn: at, inlinePageSet } of tailIndex.commits) {
    for (const page of inlinePageSet ?? []) map.set(page, Number(at));
  }
  for (const { pageSet } of inlineFrames) for (const page of pageSet) map.set(page, head);
  return map;
}

/** The pages that a checkpoint moved are the ones that their commit wrote. */
async function mustHoldPages(
  store: ObjectStore,
  { volumeId, segmentId, pageSet, frame, at }: MovedFrame,
): Promise<void> {
  const key = `${volumePrefix(volumeId)}segments/${segmentId}`;
  const range = { offset: frame.offset, size: frame.size };
  const data = (await store.get(key, { range }))?.bytes ?? new Uint8Array(0);
  const all = frame.pageSet ?? pageSet;
  const context = { volumeId, pageSize: 4096 as never, objectName: key };
  const pages = await decodeFrame({ ...frame, pageSet: all, data }, context, nodeCompute);
  for (const { index, data: page } of pages) {
    if (pageSet.contains(index)) expect([index, page[0]]).toEqual([index, at % 251]);
  }
}

interface MovedFrame {
  readonly volumeId: VolumeId;
  readonly segmentId: string;
  readonly pageSet: Parameters<typeof decodeFrame>[0]["pageSet"];
  readonly frame: Omit<Parameters<typeof decodeFrame>[0], "data" | "pageSet"> & {
    readonly offset: number;
    readonly size: number;
    readonly pageSet?: Parameters<typeof decodeFrame>[0]["pageSet"];
  };
  readonly at: number;
}

/**
 * Commits the next step. At several nodes at once: the later ones find it done, and each of them
 * finds that a checkpoint is due. A refusal is repeated, as a client does.
 */
async function commitNext(
  model: Model,
  nodes: readonly TestMetastore[],
  as: TestMetastore,
): Promise<CommitRequest> {
  const step = model.plan();
  const { pageCount, low } = step;
  const change = { pageCount: toPageCount(pageCount), lowPageCount: toPageCount(low) };
  const request = await inlineCommitOf(as, model.base, step.pages, change);
  const commit = async ({ metastore }: TestMetastore): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await metastore.commit(request);
        return;
      } catch (error) {
        if (!isGraftError(error, "unavailable") || attempt === 50) throw error;
      }
    }
  };
  await Promise.all(nodes.map(commit));
  model.apply(step);
  return request;
}

/** Writes segments and checkpoints only until it dies, before or after one of its writes. */
class DyingStore extends FaultyObjectStore {
  writes = 0;
  readonly #inner: ObjectStore;
  readonly #diesAt: number;
  readonly #isApplied: boolean;

  constructor(inner: ObjectStore, diesAt: number, isApplied: boolean) {
    super(inner, [], new SeededRandom(1), new SimulatedClock());
    this.#inner = inner;
    this.#diesAt = diesAt;
    this.#isApplied = isApplied;
  }

  override async put(...args: Parameters<ObjectStore["put"]>): Promise<void> {
    await this.#write(args[0], () => this.#inner.put(...args));
  }

  override async create(...args: Parameters<ObjectStore["create"]>): Promise<"created" | "exists"> {
    return await this.#write(args[0], () => this.#inner.create(...args));
  }

  get isDead(): boolean {
    return this.writes > this.#diesAt;
  }

  async #write<Answer>(key: string, write: () => Promise<Answer>): Promise<Answer> {
    const isOurs = key.includes("/checkpoints/") || key.includes("/segments/");
    if (!isOurs && !this.isDead) return await write();
    const isLast = this.writes === this.#diesAt;
    if (isOurs) this.writes++;
    if (!this.isDead || (isLast && this.#isApplied)) {
      const answer = await write();
      if (!isLast) return answer;
    }
    throw new GraftError("unavailable", "killed");
  }
}

const COMMITS = 210;

test("a node killed at any write of any of its checkpoints leaves a volume that the next one takes on", async () => {
  // Three checkpoints of three writes each: a segment, blocks, the root.
  for (const [diesAt, isApplied] of Array.from(
    { length: 18 },
    (_, at) => [at >> 1, at % 2 === 1] as const,
  )) {
    const inner = new MemoryObjectStore();
    const model = new Model(5);
    const dying = new DyingStore(inner, diesAt, isApplied);
    const first = createTestMetastore({ store: dying });
    let last: CommitRequest | undefined;
    while (!dying.isDead && model.lsn < COMMITS) {
      last = await commitNext(model, [first], first);
      await first.whenCheckpointed();
    }
    expect([diesAt, dying.isDead]).toEqual([diesAt, true]);
    await first[Symbol.asyncDispose]();
    const next = createTestMetastore({ store: inner, random: new SeededRandom(77) });
    // Sent again, as by a client that heard no answer: the checkpoint is due at the same commit.
    if (last !== undefined) await next.metastore.commit(last);
    await next.whenCheckpointed();
    while (model.lsn < COMMITS + 70) {
      await commitNext(model, [next], first);
      await next.whenCheckpointed();
    }
    const map = await mapAt(inner, first.volumeId, model.lsn);
    expect(sorted(map)).toEqual(sorted(model.writers));
  }
}, 120_000);

test.each([1, 2, 3, 4])(
  "any two nodes, restarted at any moment and cut off from the store now and then, keep one map (seed %i)",
  async (seed) => {
    const inner = new MemoryObjectStore();
    const model = new Model(seed);
    const { random } = model;
    const faulty = new FaultyObjectStore(inner, [], random, new SimulatedClock({ mode: "auto" }));
    let started = 0;
    const start = (): TestMetastore =>
      createTestMetastore({ store: faulty, random: new SeededRandom(1000 * seed + started++) });
    const owner = start();
    const nodes = [owner, start()];
    const where = { prefix: volumePrefix(owner.volumeId), operations: ["put", "create"] as const };
    while (model.lsn < 400) {
      const at = random.integer(0, 1);
      const node = nodes[at];
      if (node === undefined) throw new Error("there are two nodes");
      await commitNext(model, random.chance(0.7) ? nodes : [node], owner);
      if (random.chance(0.2)) await node.whenCheckpointed();
      if (random.chance(0.1)) {
        faulty.setRules(
          {
            ...where,
            prefix: `${where.prefix}checkpoints/`,
            fault: { kind: "unavailable" },
            probability: 0.3,
          },
          {
            ...where,
            prefix: `${where.prefix}checkpoints/`,
            fault: { kind: "reply-lost" },
            probability: 0.3,
          },
          {
            ...where,
            prefix: `${where.prefix}segments/`,
            fault: { kind: "unavailable" },
            probability: 0.3,
          },
        );
      } else if (random.chance(0.3)) faulty.setRules();
      if (random.chance(0.03)) {
        await node[Symbol.asyncDispose]();
        nodes[at] = start();
      }
    }
    for (const node of nodes) await node.whenCheckpointed();
    expect(sorted(await mapAt(inner, owner.volumeId, model.lsn))).toEqual(sorted(model.writers));
    await mustKeepItsRoots(inner, owner.volumeId, model.lsn);
  },
  60_000,
);

/** Whatever was named by any record is what is stored, to the hash: losers adopted the winner's. */
async function mustKeepItsRoots(
  store: ObjectStore,
  volumeId: VolumeId,
  head: number,
): Promise<void> {
  const named = new Set<string>();
  for (let at = 1; at <= head; at++) {
    const stored = await store.get(logKey(volumeId, lsnOf(at)));
    const bytes = stored?.bytes ?? new Uint8Array(0);
    const { record } = decodeCatalogCommit(bytes, { volumeId, lsn: lsnOf(at) }, nodeCompute);
    if (record.checkpoint === undefined) continue;
    const key = checkpointRootKey(volumeId, record.checkpoint.lsn);
    const root = (await store.get(key))?.bytes ?? new Uint8Array(0);
    expect(nodeCompute.sha256(root)).toEqual(record.checkpoint.hash);
    decodeCheckpointRoot(root, nodeCompute, { objectName: key, volumeId });
    named.add(key);
  }
  expect(named.size).toBeGreaterThanOrEqual(3);
}

function sorted(map: ReadonlyMap<number, number>): readonly (readonly [number, number])[] {
  return [...map].sort(([a], [b]) => a - b);
}
