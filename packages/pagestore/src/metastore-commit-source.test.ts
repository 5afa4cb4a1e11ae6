import { createVolumeId, type Lsn, toLsn } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { decodeCommitRecord, logKey, lowPageCountOf, snapshotOf } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { MetastoreService } from "@graft/proto-gen/metastore";
import {
  createMetastoreClient,
  fromPullCommitsAnswer,
  type PullCommitsRequest,
  toPullCommitsRequest,
  type WireCommit,
} from "@graft/rpc";
import { createInMemoryTransport } from "@graft/rpc/testing";
import { describe, expect, it } from "vitest";
import type { StoredCommit } from "./commit-source.ts";
import { MetastoreCommitSource } from "./metastore-commit-source.ts";
import { VolumeWriter } from "./testing/volume-writer.ts";

type Answer = (
  request: PullCommitsRequest,
) => Promise<readonly WireCommit[]> | readonly WireCommit[];

async function build(answer: (commits: readonly WireCommit[]) => Answer): Promise<{
  readonly pull: (start: number, end: number) => Promise<readonly StoredCommit[]>;
  readonly asked: PullCommitsRequest[];
  readonly store: MeteredObjectStore;
  readonly stored: readonly Uint8Array[];
}> {
  const clock = new SimulatedClock();
  const inner = new MemoryObjectStore();
  const store = new MeteredObjectStore(inner, clock);
  const means = { store: inner, clock, random: new SeededRandom(1), compute: nodeCompute };
  const { volumeId, ...writer } = await write(new VolumeWriter(means), inner);
  const asked: PullCommitsRequest[] = [];
  const respond = answer(writer.commits);
  const transport = createInMemoryTransport(
    (router) =>
      router.service(MetastoreService, {
        pullCommits: async (message) => {
          const request = toPullCommitsRequest(message);
          asked.push(request);
          const commits = await respond(request);
          return fromPullCommitsAnswer({ commits, hasMore: true });
        },
      }),
    { clock },
  );
  const source = new MetastoreCommitSource({ client: createMetastoreClient(transport), store });
  const pull = (start: number, end: number): Promise<readonly StoredCommit[]> =>
    Array.fromAsync(source.pull(volumeId, { start: lsn(start), end: lsn(end) }, undefined));
  return { pull, asked, store, stored: writer.stored };
}

async function write(
  volume: VolumeWriter,
  store: MemoryObjectStore,
): Promise<{
  readonly volumeId: VolumeWriter["volumeId"];
  readonly commits: readonly WireCommit[];
  readonly stored: readonly Uint8Array[];
}> {
  const { volumeId } = volume;
  const commits: WireCommit[] = [];
  const stored: Uint8Array[] = [];
  for (let at = 1; at <= 5; at++) {
    await volume.commit({ pages: new Map([[at, new Uint8Array(4096)]]), pageCount: at });
    const objectName = logKey(volumeId, lsn(at));
    const record = (await store.get(objectName))?.bytes ?? new Uint8Array(0);
    const decoded = decodeCommitRecord(record, nodeCompute, { objectName });
    stored.push(record);
    const lowPageCount = lowPageCountOf(decoded);
    commits.push({ snapshot: snapshotOf(decoded), segments: [], lowPageCount, record });
  }
  return { volumeId, commits, stored };
}

function lsn(value: number): Lsn {
  return toLsn(BigInt(value));
}

function within(
  commits: readonly WireCommit[],
  { range }: PullCommitsRequest,
): readonly WireCommit[] {
  return commits.filter(
    ({ snapshot }) => snapshot.lsn >= range.start && snapshot.lsn <= (range.end ?? 0n),
  );
}

function short({ record: _, ...commit }: WireCommit): WireCommit {
  return commit;
}

describe("commits from a MetaStore", () => {
  it("are the stored bytes, in one request where they fit", async () => {
    const { pull, asked, stored } = await build((all) => (request) => within(all, request));
    const pulled = await pull(2, 4);
    expect(pulled.map(({ lsn: at }) => at)).toEqual([2n, 3n, 4n]);
    expect(pulled.map(({ bytes }) => bytes)).toEqual(stored.slice(1, 4));
    expect(asked).toHaveLength(1);
    expect(asked[0]?.includeRecords).toBe(true);
  });

  it("come in several requests where they do not, each from where the last one ended", async () => {
    const { pull, asked } = await build((all) => (request) => within(all, request).slice(0, 2));
    expect(await pull(1, 5)).toHaveLength(5);
    expect(asked.map(({ range }) => range.start)).toEqual([1n, 3n, 5n]);
  });

  it("are read from the log where the answer leaves the record out", async () => {
    const { pull, store, stored } = await build(
      (all) => (request) =>
        within(all, request).map((one) => (one.snapshot.lsn === 3n ? short(one) : one)),
    );
    expect((await pull(1, 5)).map(({ bytes }) => bytes)).toEqual(stored);
    expect(store.meter.snapshot().get.requests).toBe(1);
  });

  it("are not-found where the answer ends before the end", async () => {
    const { pull } = await build((all) => (request) => within(all, request));
    await expect(pull(4, 6)).rejects.toMatchObject({ code: "not-found" });
    await expect(pull(6, 9)).rejects.toMatchObject({ code: "not-found" });
  });

  it("are refused where the answer is out of place", async () => {
    const gap = await build((all) => (request) => within(all, request).filter((_, at) => at !== 1));
    await expect(gap.pull(1, 5)).rejects.toMatchObject({ code: "internal" });
    const early = await build((all) => () => all);
    await expect(early.pull(2, 3)).rejects.toMatchObject({ code: "internal" });
    const other = createVolumeId({ clock: new SimulatedClock(), random: new SeededRandom(8) });
    const foreign = await build(
      (all) => () => all.map((one) => ({ ...one, snapshot: { ...one.snapshot, volumeId: other } })),
    );
    await expect(foreign.pull(1, 1)).rejects.toMatchObject({ code: "internal" });
  });
});
