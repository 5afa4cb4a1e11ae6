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
import { MetastoreCommitSource } from "./metastore-commit-source.ts";
import { VolumeWriter } from "./testing/volume-writer.ts";

type Answer = (
  request: PullCommitsRequest,
) => Promise<readonly WireCommit[]> | readonly WireCommit[];

async function build(answer: (commits: readonly WireCommit[]) => Answer): Promise<{
  readonly read: (at: number) => Promise<Uint8Array>;
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
  const read = (at: number): Promise<Uint8Array> => source.read(volumeId, lsn(at), undefined);
  return { read, asked, store, stored: writer.stored };
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

describe("a commit from a MetaStore", () => {
  it("is the stored bytes, in one request for one LSN", async () => {
    const { read, asked, stored, store } = await build((all) => (request) => within(all, request));
    expect(await read(3)).toEqual(stored[2]);
    expect(asked).toMatchObject([{ range: { start: 3n, end: 3n }, includeRecords: true }]);
    expect(store.meter.snapshot().get.requests).toBe(0);
  });

  it("is read from the log where the answer leaves the record out", async () => {
    const { read, store, stored } = await build(
      (all) => (request) => within(all, request).map(short),
    );
    expect(await read(3)).toEqual(stored[2]);
    expect(store.meter.snapshot().get.requests).toBe(1);
  });

  it("is not-found where the answer is empty", async () => {
    const { read } = await build((all) => (request) => within(all, request));
    await expect(read(6)).rejects.toMatchObject({ code: "not-found" });
  });

  it("is refused where the answer is out of place", async () => {
    const early = await build((all) => () => all);
    await expect(early.read(2)).rejects.toMatchObject({ code: "internal" });
    const other = createVolumeId({ clock: new SimulatedClock(), random: new SeededRandom(8) });
    const foreign = await build(
      (all) => () => all.map((one) => ({ ...one, snapshot: { ...one.snapshot, volumeId: other } })),
    );
    await expect(foreign.read(1)).rejects.toMatchObject({ code: "internal" });
  });
});
