/**
 * Two MetaStores and two PageStores over one bucket, each on a port of its own, and clients that
 * change between them with every call while they race for the same base.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Remote, Runtime, type Volume } from "@graft/client";
import { openNodeRemote } from "@graft/client/node";
import { isGraftError, type VolumeId } from "@graft/core";
import {
  systemClock as clock,
  nodeCompute as compute,
  nodeFileSystem as fileSystem,
  systemRandom as random,
} from "@graft/core/node";
import { parseNotify, type ServingMetastore, serveMetastore } from "@graft/metastore";
import { NATS_PROGRAM, NatsServer } from "@graft/metastore/testing";
import { type ServingPagestore, servePagestore } from "@graft/pagestore";
import { silentLog } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import { followRemote } from "../harness/follow-remote.ts";
import { commitPages, readTags } from "../harness/pages.ts";

const S3_URL = process.env.GRAFT_TEST_S3_URL ?? "";
const CLIENTS = 3;
const RUN_MS = 6000;
const means = { clock, random, compute, fileSystem, env: process.env, log: silentLog };
const listening = { host: "127.0.0.1", port: 0, logLevel: "silent" } as const;

/** The page that all clients count in; each has one of its own above it. */
const SHARED = 1;

describe("two nodes of each kind over one store", () => {
  test("on files, with --notify probe: every acknowledged commit is seen by all, and none twice", async () => {
    const folder = mkdtempSync(join(tmpdir(), "graft-many-nodes-"));
    try {
      await run(`file:${folder}/store`, "probe");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.skipIf(S3_URL === "" || NATS_PROGRAM === "")(
    "on a bucket, with hints: every acknowledged commit is seen by all, and none twice",
    async () => {
      await using nats = await NatsServer.start();
      const url = new URL(S3_URL);
      url.pathname += `/many-nodes-${Date.now()}`;
      await run(url.href, nats.url);
    },
  );
});

async function run(storeUrl: string, notify: string): Promise<void> {
  await using nodes = await Nodes.start(storeUrl, notify);
  const tally = new Tally();
  const first = await Counter.open(nodes, tally, 0, undefined);
  await first.add();
  const { volumeId } = first;
  const others = await Promise.all(
    Array.from({ length: CLIENTS - 1 }, (_, at) => Counter.open(nodes, tally, at + 1, volumeId)),
  );
  const counters = [first, ...others];
  const endMs = clock.monotonicMs() + RUN_MS;
  const restart = clock.sleep(RUN_MS / 2).then(() => nodes.replaceMetastore());
  await Promise.all(
    counters.map(async (counter) => {
      while (clock.monotonicMs() < endMs) await counter.add();
    }),
  );
  await restart;
  for (const counter of counters) {
    const [shared, ...own] = await counter.read();
    expect(own).toEqual(tally.acknowledged);
    expect(shared).toBe(tally.total);
    await counter.close();
  }
  expect(tally.total).toBeGreaterThan(CLIENTS * 5);
}

/** What clients were told is committed. */
class Tally {
  readonly acknowledged: number[] = Array.from({ length: CLIENTS }, () => 0);

  get total(): number {
    return this.acknowledged.reduce((sum, count) => sum + count, 0);
  }
}

/** A client that adds one to its own page and to the shared one, in one transaction each time. */
class Counter {
  readonly #runtime: Runtime;
  readonly #volume: Volume;
  readonly #tally: Tally;
  readonly #at: number;

  private constructor(runtime: Runtime, volume: Volume, tally: Tally, at: number) {
    this.#runtime = runtime;
    this.#volume = volume;
    this.#tally = tally;
    this.#at = at;
  }

  static async open(nodes: Nodes, tally: Tally, at: number, volumeId: VolumeId | undefined) {
    const runtime = await Runtime.open({ remote: nodes.remote(), clock, random });
    const volume = await (volumeId === undefined
      ? runtime.createVolume()
      : runtime.openVolume(volumeId));
    return new Counter(runtime, volume, tally, at);
  }

  get volumeId(): VolumeId {
    return this.#volume.volumeId;
  }

  /** The shared count, and each client's, of the newest snapshot. */
  async read(): Promise<readonly number[]> {
    const before = this.#tally.total;
    await repeat(() => this.#volume.pull());
    const tags = await repeat(() => readTags(this.#volume));
    // What anybody was told before the pull is in it, whatever node was asked.
    expect(tags[SHARED - 1] ?? 0).toBeGreaterThanOrEqual(before);
    return tags;
  }

  /** Adds one, on whatever is newest, until it is acknowledged. */
  async add(): Promise<void> {
    for (;;) {
      const tags = this.#tally.total === 0 ? [] : await this.read();
      const mine = SHARED + 1 + this.#at;
      const next = { [SHARED]: (tags[SHARED - 1] ?? 0) + 1, [mine]: (tags[mine - 1] ?? 0) + 1 };
      commitPages(this.#volume, next, CLIENTS + 1);
      if (await this.#push()) {
        const counts = this.#tally.acknowledged;
        counts[this.#at] = (counts[this.#at] ?? 0) + 1;
        return;
      }
    }
  }

  /** False: another one was faster, and this one's addition is given up. */
  async #push(): Promise<boolean> {
    try {
      await repeat(() => this.#volume.push());
      return true;
    } catch (error) {
      if (!isGraftError(error, "diverged")) throw error;
      await repeat(() => this.#volume.reset());
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#runtime.close();
  }
}

/** For as long as nodes come and go. */
async function repeat<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (!isGraftError(error, "unavailable") || tries === 50) throw error;
      await clock.sleep(20);
    }
  }
}

/** The servers. */
class Nodes implements AsyncDisposable {
  readonly #storeUrl: string;
  readonly #notify: string;
  readonly #metastores: ServingMetastore[] = [];
  readonly #pagestores: ServingPagestore[] = [];
  readonly #remotes = new Map<string, Remote>();

  private constructor(storeUrl: string, notify: string) {
    this.#storeUrl = storeUrl;
    this.#notify = notify;
  }

  static async start(storeUrl: string, notify: string): Promise<Nodes> {
    const nodes = new Nodes(storeUrl, notify);
    for (let at = 0; at < 2; at++) {
      const metastore = await nodes.#startMetastore();
      nodes.#metastores.push(metastore);
      nodes.#pagestores.push(await nodes.#startPagestore(metastore.url));
    }
    return nodes;
  }

  /** Another one comes, and the one that no PageStore asks any more goes as it should. */
  async replaceMetastore(): Promise<void> {
    const metastore = await this.#startMetastore();
    const pagestore = await this.#startPagestore(metastore.url);
    // Nobody who chooses a node from here on chooses one of these.
    const leaving = [
      this.#pagestores.splice(1, 1, pagestore),
      this.#metastores.splice(1, 1, metastore),
    ];
    for (const server of leaving.flat()) await server[Symbol.asyncDispose]();
  }

  /** One that goes to any node of each kind, by chance, with every call. */
  remote(): Remote {
    return followRemote(() => {
      const [metastore, pagestore] = [pick(this.#metastores).url, pick(this.#pagestores).url];
      const key = `${metastore} ${pagestore}`;
      const remote = this.#remotes.get(key) ?? openNodeRemote({ url: { metastore, pagestore } });
      this.#remotes.set(key, remote);
      return remote;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const remote of this.#remotes.values()) await remote.close();
    for (const server of [...this.#pagestores, ...this.#metastores]) {
      await server[Symbol.asyncDispose]();
    }
  }

  async #startPagestore(metastoreUrl: string): Promise<ServingPagestore> {
    const config = { storeUrl: this.#storeUrl, metastoreUrl, frameCacheSize: 4 * 1024 * 1024 };
    return await servePagestore({ ...listening, ...config }, means);
  }

  async #startMetastore(): Promise<ServingMetastore> {
    const notify = parseNotify(this.#notify);
    return await serveMetastore({ ...listening, storeUrl: this.#storeUrl, notify }, means);
  }
}

function pick<T>(items: readonly T[]): T {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error("there is at least one");
  return item;
}
