/**
 * Three clients on one volume do what clients do, in any order: commit (pages written, cut off,
 * grown again), push, pull, reset, read, lose power, lose answers; the services restart. After
 * every step each client reads exactly what it should, and no push is lost or applied twice.
 */
import type { Interceptor } from "@connectrpc/connect";
import type { Runtime, Volume, VolumeReader } from "@graft/client";
import {
  type Clock,
  GraftError,
  isGraftError,
  pageRange,
  toPageCount,
  toPageIndex,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import { systemClock } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { MemoryObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { readTagsOf, tagOf, tagPage } from "../harness/pages.ts";

/** Eight pages travel inline, more go through segments. */
const PAGE_SIZE = toPageSize(16_384);
const PAGE_COUNT_MAX = 14;
const STEP_COUNT = 120;
/** Enough for more than one checkpoint: they come every 64 pushes. */
const LONG_STEP_COUNT = 700;

type Tags = readonly number[];

/** Pauses between attempts, 5 s at most, take no time; deadlines are longer, and real. */
const IMPATIENT_CLOCK: Clock = {
  nowMs: () => systemClock.nowMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  sleep: (ms, signal) => systemClock.sleep(ms > 5000 ? ms : 0, signal),
};

class World {
  readonly random: SeededRandom;
  /** What each LSN holds, as far as anybody has learnt. */
  readonly remote = new Map<bigint, Tags>();
  readonly walkers: Walker[] = [];
  readonly store: FaultyObjectStore;
  /** Pushes, by what they make, and the LSN where they were found. Each has a page of its own. */
  readonly #attempts = new Map<string, bigint | undefined>();
  /** Chance that a commit is lost before it is carried out, or its answer after. */
  lossChance = 0;
  nextTag = 1;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const random = this.random.fork();
    this.store = new FaultyObjectStore(new MemoryObjectStore(), [], random, IMPATIENT_CLOCK);
  }

  /** Bad weather: requests of the object store fail, land without an answer, or land later. */
  storm(): void {
    const probability = this.random.pick([0.02, 0.1, 0.3]);
    const writes = { operations: ["create", "put"], probability } as const;
    this.store.setRules(
      { fault: { kind: "unavailable" }, probability },
      { fault: { kind: "reply-lost" }, ...writes },
      { fault: { kind: "lands-late", delayMs: 3000 }, ...writes },
    );
  }

  calm(): void {
    this.store.setRules();
  }

  /** Somebody is about to push this: it may land, whatever its pusher learns of it. */
  attempt(tags: Tags): void {
    this.#attempts.set(JSON.stringify(tags), undefined);
  }

  /** The push was answered with a definite no. */
  refuse(tags: Tags): void {
    this.#attempts.delete(JSON.stringify(tags));
  }

  /** What an LSN was found to hold: always the same, and one push, which is at no other LSN. */
  expectAt(lsn: bigint, found: Tags): void {
    const known = this.remote.get(lsn);
    if (known !== undefined) {
      expect(found).toEqual(known);
      return;
    }
    const key = JSON.stringify(found);
    expect([...this.#attempts.keys()]).toContain(key);
    expect(this.#attempts.get(key)).toBeUndefined();
    this.#attempts.set(key, lsn);
    this.remote.set(lsn, found);
  }
}

class Walker {
  readonly disk: SimulatedDisk;
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #volumeId: VolumeId;
  #runtime: Runtime | undefined;
  #volume: Volume | undefined;
  #pinned: { readonly reader: VolumeReader; readonly tags: Tags } | undefined;
  /** What the client reads. */
  local: Tags = [];
  /** What the push under way, or the last one, would make. */
  prepared: Tags = [];

  constructor(world: World, cluster: Cluster, volumeId: VolumeId) {
    this.#world = world;
    this.#cluster = cluster;
    this.#volumeId = volumeId;
    this.disk = new SimulatedDisk({ random: world.random });
  }

  get volume(): Volume {
    if (this.#volume === undefined) throw new Error("the walker is not open");
    return this.#volume;
  }

  async open(): Promise<void> {
    const directory = { path: "/data", fileSystem: this.disk };
    const interceptors = [loseCommits(this.#world)];
    this.#runtime = await this.#cluster.openClient({ directory, interceptors });
    this.#volume = await this.#runtime.openVolume(this.#volumeId);
  }

  commit(): void {
    const { random } = this.#world;
    const writer = this.volume.openWriter();
    if (writer === undefined) throw new Error("nobody else writes");
    const pageCount = random.integer(1, PAGE_COUNT_MAX);
    const tags = Array.from({ length: pageCount }, (_, at) => this.local[at] ?? 0);
    const always = random.integer(0, pageCount - 1);
    for (let at = 0; at < pageCount; at++) {
      if (at !== always && random.chance(2 / 3)) continue;
      const tag = this.#world.nextTag++;
      writer.write(toPageIndex(at + 1), tagPage(PAGE_SIZE, tag));
      tags[at] = tag;
    }
    writer.commit({ pageCount: toPageCount(pageCount) });
    this.local = tags;
  }

  /** @param meanwhile happens while the push is on its way */
  async push(meanwhile?: "commit" | "abort" | "power-loss"): Promise<void> {
    const { state } = this.volume.status();
    if (state === "pending") {
      this.prepared = this.local;
      this.#world.attempt(this.prepared);
    }
    const given = new AbortController();
    const pushing = settled(this.volume.push({ signal: given.signal }));
    if (meanwhile !== undefined) {
      await systemClock.sleep(this.#world.random.integer(0, 3));
      if (meanwhile === "commit") this.commit();
      if (meanwhile === "abort") given.abort(new GraftError("unavailable", "given up"));
      if (meanwhile === "power-loss") await this.losePower();
    }
    const outcome = await pushing;
    if (outcome.kind === "failed") {
      const codes = ["unavailable", "diverged", ...(meanwhile === "power-loss" ? ["io"] : [])];
      expect(codes).toContain(outcome.error.code);
      if (outcome.error.code === "diverged") this.#world.refuse(this.prepared);
    } else if (outcome.value.kind === "pushed") {
      this.#world.expectAt(outcome.value.lsn, this.prepared);
    }
  }

  async pull(): Promise<void> {
    const before = this.volume.status();
    const outcome = await settled(this.volume.pull());
    const after = this.volume.status();
    if (outcome.kind === "done" && after.state === "synced") await this.#standOn(after.remote.lsn);
    if (before.state === "diverged" && outcome.kind === "done") {
      expect(after.remote).toEqual(before.remote);
    }
  }

  async reset(): Promise<void> {
    let saved: Tags | undefined;
    const pending = this.volume.status().local.pending;
    const save = async (reader: VolumeReader): Promise<void> => {
      saved = await readTagsOf(reader);
    };
    const outcome = await settled(this.volume.reset({ save }));
    if (outcome.kind === "failed") {
      expect(outcome.error.code).toBe("unavailable");
      return;
    }
    if (outcome.value.discardedCommitCount > 0) expect(saved).toEqual(this.local);
    expect(outcome.value.discardedCommitCount).toBeLessThanOrEqual(pending);
    await this.#standOn(outcome.value.lsn);
  }

  /** What a client does that wants its commit to be the next one. */
  async takeTurn(): Promise<void> {
    await this.pull();
    if (this.volume.status().state === "diverged") await this.reset();
    this.commit();
    await this.push();
  }

  async readSome(): Promise<void> {
    const reader = this.volume.openReader();
    try {
      expect(reader.pageCount).toBe(this.local.length);
      if (reader.pageCount === 0) return;
      const at = this.#world.random.integer(0, reader.pageCount - 1);
      await reader.fetch(pageRange(at + 1, at + 1));
      const page = new Uint8Array(PAGE_SIZE);
      expect(reader.read(toPageIndex(at + 1), page)).toBe(true);
      expect(tagOf(page)).toBe(this.local[at]);
    } finally {
      reader.close();
    }
  }

  async readAll(): Promise<void> {
    const reader = this.volume.openReader();
    try {
      expect(reader.pageCount === 0 ? [] : await readTagsOf(reader)).toEqual(this.local);
    } finally {
      reader.close();
    }
  }

  /** Pins a snapshot, or checks the one that is pinned and lets it go. */
  async turnPin(): Promise<void> {
    if (this.#pinned === undefined) {
      this.#pinned = { reader: this.volume.openReader(), tags: this.local };
      return;
    }
    const { reader, tags } = this.#pinned;
    this.#pinned = undefined;
    expect(tags.length === 0 ? [] : await readTagsOf(reader)).toEqual(tags);
    reader.close();
  }

  async losePower(): Promise<void> {
    this.#pinned = undefined;
    this.disk.crash();
    // What died with the power cannot be closed in order; its handles are dead.
    await this.#runtime?.close().catch(() => undefined);
    await this.open();
  }

  async restart(): Promise<void> {
    this.#pinned = undefined;
    await this.#runtime?.close();
    await this.open();
  }

  async #standOn(lsn: bigint | undefined): Promise<void> {
    this.#world.calm();
    const reader = this.volume.openReader();
    this.local = reader.pageCount === 0 ? [] : await readTagsOf(reader);
    reader.close();
    if (lsn === undefined) expect(this.local).toEqual([]);
    else this.#world.expectAt(lsn, this.local);
  }
}

type Settled<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "failed"; readonly error: GraftError };

async function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { kind: "done", value: await promise };
  } catch (error) {
    if (!isGraftError(error)) throw error;
    return { kind: "failed", error };
  }
}

function loseCommits(world: World): Interceptor {
  const isLost = (): boolean => world.random.chance(world.lossChance);
  return (next) => async (request) => {
    if (request.method.name !== "Commit") return next(request);
    if (isLost()) throw new GraftError("unavailable", "the request was lost");
    const answer = await next(request);
    if (isLost()) throw new GraftError("unavailable", "the answer was lost");
    return answer;
  };
}

interface Walk {
  readonly climate: "calm" | "stormy";
  readonly stepCount: number;
  /** How often somebody pulls, commits and pushes in one go. Default: never. */
  readonly turnChance?: number;
}

async function walk(seed: number, { climate, stepCount, turnChance = 0 }: Walk): Promise<World> {
  const world = new World(seed);
  const { random } = world;
  await using cluster = await Cluster.start({
    network: "memory",
    clock: IMPATIENT_CLOCK,
    store: world.store,
    random: new SeededRandom(seed),
  });
  const first = await (await cluster.openClient()).createVolume({ pageSize: PAGE_SIZE });
  const writer = first.openWriter();
  writer?.write(toPageIndex(1), tagPage(PAGE_SIZE, 0xffff));
  writer?.commit({ pageCount: toPageCount(1) });
  await first.push();
  world.remote.set(1n, [0xffff]);
  for (let at = 0; at < 3; at++) {
    const walker = new Walker(world, cluster, first.volumeId);
    world.walkers.push(walker);
    await walker.open();
    walker.local = [0xffff];
  }
  for (let step = 0; step < stepCount; step++) {
    const walker = random.pick(world.walkers);
    world.lossChance = random.pick([0, 0, 0.3, 0.8]);
    if (climate === "stormy") world.storm();
    const chance = random.integer(0, 99);
    if (random.chance(turnChance)) await walker.takeTurn();
    else if (chance < 30) walker.commit();
    else if (chance < 44) await walker.push();
    else if (chance < 52) await walker.push(random.pick(["commit", "abort", "power-loss"]));
    else if (chance < 70) await walker.pull();
    else if (chance < 78) await walker.reset();
    else if (chance < 82) await walker.losePower();
    else if (chance < 85) await walker.restart();
    else if (chance < 88) await cluster.restartServices();
    world.calm();
    if (chance >= 85 && chance < 88) await visit(world, cluster, first.volumeId);
    if (chance >= 94) await walker.turnPin();
    else if (chance >= 88) await walker.readSome();
    if (random.chance(0.25)) await walker.readAll();
  }
  await finish(world, cluster, first.volumeId);
  return world;
}

/** A newcomer without any cache reads everything, from services without any cache. */
async function visit(world: World, cluster: Cluster, volumeId: VolumeId): Promise<void> {
  await using runtime = await cluster.openClient();
  const volume = await runtime.openVolume(volumeId);
  const reader = volume.openReader();
  expect(reader.lsn).toBeDefined();
  if (reader.lsn !== undefined) world.expectAt(reader.lsn, await readTagsOf(reader));
}

/** Everybody comes to rest on the head, and a newcomer reads what they read. */
async function finish(world: World, cluster: Cluster, volumeId: VolumeId): Promise<void> {
  world.lossChance = 0;
  for (const walker of world.walkers) {
    await walker.readAll();
    await walker.push();
    if (walker.volume.status().state !== "synced") await walker.reset();
  }
  for (const walker of world.walkers) await walker.pull();
  const [one] = world.walkers;
  for (const walker of world.walkers) {
    await walker.readAll();
    expect(walker.local).toEqual(one?.local);
    expect(walker.volume.status()).toMatchObject({ state: "synced", local: { pending: 0 } });
  }
  const newcomer = await (await cluster.openClient()).openVolume(volumeId);
  const reader = newcomer.openReader();
  expect(await readTagsOf(reader)).toEqual(one?.local);
  expect(reader.lsn).toBe(one?.volume.status().remote.lsn);
}

describe("clients that commit, push, pull, reset, lose power and lose answers", () => {
  const count = Number(process.env.GRAFT_WALKS ?? 12);
  const longSeed = Number(process.env.GRAFT_SEED ?? 1000);
  const seeds = Array.from({ length: count }, (_, at) => at + 1);
  it.each(seeds)("agree after any history, and lose nothing (seed %i)", async (seed) => {
    await walk(seed, { climate: "calm", stepCount: STEP_COUNT });
  });

  it.each(seeds)("do so over an object store in bad weather (seed %i)", async (seed) => {
    await walk(seed, { climate: "stormy", stepCount: STEP_COUNT });
  });

  it.each(["calm", "stormy"] as const)("do so across checkpoints (%s)", async (climate) => {
    const world = await walk(longSeed, { climate, stepCount: LONG_STEP_COUNT, turnChance: 0.75 });
    expect(Math.max(...[...world.remote.keys()].map(Number))).toBeGreaterThan(64);
  });
});
