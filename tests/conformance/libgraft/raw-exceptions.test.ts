/**
 * Where we answer v0.1's requests otherwise than its own servers do, and why: faults of theirs that
 * are not copied (docs/wire-v0.1.md §7), and promises of ours that theirs did not make. No libgraft
 * sees a difference that hurts it.
 */
import { createSegmentId, gidBytes, toVolumeId } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { MemoryObjectStore } from "@graft/object-store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../../harness/cluster.ts";
import { graftErr, page, pageSet, V01Volume, V01Wire, type WireAnswer } from "./v01-wire.ts";

let cluster: Cluster;
let wire: V01Wire;
const store = new MemoryObjectStore();

beforeAll(async () => {
  cluster = await Cluster.start({ network: "tcp", store });
  wire = new V01Wire(cluster.url ?? "");
});
afterAll(async () => {
  wire[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});

interface Exception {
  readonly what: string;
  /** What the reference does. */
  readonly theirs: string;
  readonly why: string;
  readonly ours: () => Promise<void>;
}

const EXCEPTIONS: readonly Exception[] = [
  {
    what: "write_pages without pages is 200 with no segments",
    theirs: "the PageStore dies a second later",
    why: "nobody may end a server",
    async ours() {
      const { vid } = new V01Volume(wire);
      const { status, body } = await wire.ask("write_pages", { vid });
      expect([status, body.length]).toEqual([200, 0]);
    },
  },
  {
    what: "read_pages of an LSN to come is 404, code 2",
    theirs: "500, a panic",
    why: "it is no fault of the server",
    async ours() {
      const { vid } = await oneCommit();
      const answer = await wire.ask("read_pages", { vid, lsn: 2n, graft: pageSet(1) });
      expectError(answer, 404, graftErr(2, "graft client request failed"));
    },
  },
  {
    what: "a page set that is malformed after its magic is 400, code 1",
    theirs: "500, a panic",
    why: "it is no fault of the server",
    async ours() {
      const { vid } = await oneCommit();
      const whole = pageSet(1, 2, 300);
      for (let size = 8; size < whole.length; size++) {
        const graft = Buffer.concat([whole.subarray(0, size - 4), whole.subarray(-4)]);
        const answer = await wire.ask("read_pages", { vid, lsn: 1n, graft });
        expectError(answer, 400, graftErr(1, "failed to parse graft"));
      }
    },
  },
  {
    what: "a body of 2 to 32 MiB is taken",
    theirs: "400 above 2 MiB: a push of more than 510 pages is sent again for ever",
    why: "its client sends all that it has to push in one request",
    async ours() {
      const volume = new V01Volume(wire);
      const pages = Array.from({ length: 8000 }, (_, at) => page(at + 1, at % 251));
      const { segments } = await wire.must("write_pages", { vid: volume.vid, pages });
      // Each holds 8 MiB of pages at most.
      expect(segments).toHaveLength(4);
      await wire.must("commit", volume.commitRequest(undefined, 8000, segments));
      const graft = pageSet(1, 2048, 2049, 8000);
      const read = await wire.must("read_pages", { vid: volume.vid, lsn: 1n, graft });
      const found = read.pages.map(({ pageidx, data }) => [pageidx, data[0]]);
      expect(found).toEqual([
        [1, 0],
        [2048, 2047 % 251],
        [2049, 2048 % 251],
        [8000, 7999 % 251],
      ]);
    },
  },
  {
    what: "page 2^32 − 1 cannot be written",
    theirs: "200",
    why: "SQLite has no such page, and a page count could not name it",
    async ours() {
      const { vid } = new V01Volume(wire);
      const answer = await wire.ask("write_pages", { vid, pages: [page(0xffff_ffff, 1)] });
      expectError(answer, 400, graftErr(1, "invalid page index"));
    },
  },
  {
    what: "a commit of segments that do not exist is 404, code 2",
    theirs: "200, and reads of it fail for ever",
    why: "what is committed can be read; its client uploads the pages again and repeats",
    async ours() {
      const volume = await oneCommit();
      const sid = gidBytes(createSegmentId({ clock: systemClock, random: systemRandom }));
      const request = volume.commitRequest(1n, 1, [{ sid, graft: pageSet(1) }]);
      const { status, body } = await wire.ask("commit", request);
      expect([status, body[1]]).toEqual([404, 2]);
      expect(await volume.commit(1n, 1, { 1: 2 })).toBe(2n);
    },
  },
  {
    what: "a commit that names pages its segments do not have, or beyond its count, is 400, code 1",
    theirs: "200, and reads of it panic",
    why: "what is committed can be read",
    async ours() {
      const volume = await oneCommit();
      const [segment] = await volume.write({ 1: 5 });
      const sid = segment?.sid ?? new Uint8Array(0);
      const commit = async (pageCount: number, graft: Uint8Array): Promise<void> => {
        const request = volume.commitRequest(1n, pageCount, [{ sid, graft }]);
        const { status, body } = await wire.ask("commit", request);
        expect([status, body[1]]).toEqual([400, 1]);
      };
      await commit(2, pageSet(1, 2));
      await commit(0, pageSet(1));
    },
  },
  {
    what: "a commit sent again with other contents is 409, code 3",
    theirs: "200 with the first one's snapshot, and the new contents are lost",
    why: "an answer of success is about what was sent",
    async ours() {
      const volume = await oneCommit();
      const again = volume.commitRequest(undefined, 1, await volume.write({ 1: 99 }));
      expectError(await wire.ask("commit", again), 409, graftErr(3, "volume commit rejected"));
    },
  },
  {
    what: "pages above the page count are not there, and do not come back",
    theirs: "they are answered as they were before the volume shrank",
    why: "SQLite's file has no such pages; grown again, they read as zeros",
    async ours() {
      const volume = await oneCommit({ 1: 1, 2: 2, 3: 3 });
      await volume.commit(1n, 1);
      await volume.commit(2n, 3, { 3: 33 });
      const read = async (lsn: bigint): Promise<unknown> => {
        const message = { vid: volume.vid, lsn, graft: pageSet(1, 2, 3) };
        const { pages } = await wire.must("read_pages", message);
        return pages.map(({ pageidx, data }) => [pageidx, data[0]]);
      };
      expect(await read(2n)).toEqual([[1, 1]]);
      expect(await read(3n)).toEqual([
        [1, 1],
        [3, 33],
      ]);
    },
  },
  {
    what: "a segment that is gone from the store is code 100",
    theirs: "code 101, as if it might come back",
    why: "it is damage, for its operator to see; libgraft gives SQLITE_IOERR for both",
    async ours() {
      const volume = await oneCommit();
      for await (const { key } of store.list("volumes/")) {
        if (key.includes("/segments/") && key.includes(idOf(volume))) await store.delete(key);
      }
      const cold = await Cluster.start({ network: "tcp", store });
      using other = new V01Wire(cold.url ?? "");
      const message = { vid: volume.vid, lsn: 1n, graft: pageSet(1) };
      const answer = await other.ask("read_pages", message);
      expectError(answer, 500, graftErr(100, "failed to validate segment"));
      await cold.stopServices();
    },
  },
  {
    what: "a request is checked whole before the volume is looked at",
    theirs: "a start of 0 and malformed segments are noticed after a missing or a newer snapshot",
    why: "what can never succeed is said first",
    async ours() {
      const { vid } = new V01Volume(wire);
      const pull = await wire.ask("pull_graft", { vid, range: { inclusiveStart: 0n } });
      expectError(pull, 400, graftErr(1, "invalid LSN"));
      const volume = await oneCommit();
      const segments = [{ sid: volume.vid, graft: pageSet(1) }];
      const stale = volume.commitRequest(9n, 1, segments);
      expectError(await wire.ask("commit", stale), 400, graftErr(1, "failed to parse id"));
    },
  },
];

test.each(EXCEPTIONS)("$what", async ({ ours }) => ours());

async function oneCommit(pages: Readonly<Record<number, number>> = { 1: 1 }): Promise<V01Volume> {
  const volume = new V01Volume(wire);
  await volume.commit(undefined, Object.keys(pages).length, pages);
  return volume;
}

function idOf({ vid }: V01Volume): string {
  return toVolumeId(vid);
}

function expectError(
  { status, headers, body }: WireAnswer,
  expected: number,
  bytes: Uint8Array,
): void {
  expect(status).toBe(expected);
  expect(headers["content-type"]).toBe("application/x-protobuf");
  expect(Buffer.from(body)).toEqual(Buffer.from(bytes));
}
