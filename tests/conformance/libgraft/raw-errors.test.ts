/** Each row of v0.1's table of errors (docs/wire-v0.1.md §1.4), byte for byte. */
import { createClientId, createSegmentId, gidBytes, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { MemoryObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../harness/cluster.ts";
import {
  graftErr,
  page,
  pageSet,
  RAW,
  ROUTE_NAMES,
  ROUTES,
  V01Volume,
  V01Wire,
  type WireAnswer,
} from "./v01-wire.ts";

const ids = { clock: systemClock, random: systemRandom };
const store = new FaultyObjectStore(new MemoryObjectStore(), [], systemRandom, systemClock);
let cluster: Cluster;
let wire: V01Wire;

beforeAll(async () => {
  cluster = await Cluster.start({ network: "tcp", store });
  wire = new V01Wire(cluster.url ?? "");
});
afterAll(async () => {
  wire[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});

/** v0.1's code and its status. */
const STATUS = { 1: 400, 2: 404, 3: 409, 4: 401, 100: 500, 101: 503 } as const;

function expectError(answer: WireAnswer, code: keyof typeof STATUS, message: string): void {
  const { status, headers, body } = answer;
  const text = Buffer.from(body).toString("latin1");
  expect({ status, type: headers["content-type"], text }).toEqual({
    status: STATUS[code],
    type: RAW,
    text: Buffer.from(graftErr(code, message)).toString("latin1"),
  });
  expect(headers["content-length"]).toBe(String(body.length));
}

/** A volume with two commits: pages 1 and 2, then 2 again. */
async function twoCommits(): Promise<V01Volume> {
  const volume = new V01Volume(wire);
  await volume.commit(undefined, 2, { 1: 1, 2: 2 });
  await volume.commit(1n, 2, { 2: 22 });
  return volume;
}

describe("invalid request body", () => {
  const BODIES: readonly (readonly [string, Uint8Array, string | undefined])[] = [
    ["no content type", Uint8Array.of(10, 0), undefined],
    ["another content type", Uint8Array.of(10, 0), "application/protobuf"],
    ["a content type with a parameter", Uint8Array.of(10, 0), `${RAW}; charset=utf-8`],
    ["a content type in capitals", Uint8Array.of(10, 0), "application/X-Protobuf"],
    ["an empty body", new Uint8Array(0), RAW],
    ["no message", Uint8Array.of(0xff, 0xff, 0xff), RAW],
    ["a message that is cut", Uint8Array.of(10, 16, 1, 2), RAW],
    ["a body over the limit", new Uint8Array(REQUEST_BODY_SIZE_MAX + 1), RAW],
  ];
  test.each(BODIES)("%s, on every route", async (_, body, contentType) => {
    for (const route of ROUTE_NAMES) {
      const answer = await wire.send(ROUTES[route].path, body, { "content-type": contentType });
      expectError(answer, 1, "invalid request body");
    }
  });
});

describe("failed to parse id", () => {
  const client = gidBytes(createClientId(ids));
  const cut = gidBytes(createClientId(ids)).subarray(1);
  test.each([
    ["a client's", client],
    ["15 bytes", cut],
    ["17 bytes", new Uint8Array(17).fill(0x80)],
    ["none", new Uint8Array(0)],
  ])("a volume id that is %s, on every route", async (_, vid) => {
    const [graft, pages] = [pageSet(1), [page(1, 1)]];
    for (const route of ROUTE_NAMES) {
      // Fields that a route does not know are nothing to it.
      const message = { vid, cid: client, lsn: 1n, range: { inclusiveStart: 1n }, graft, pages };
      expectError(await wire.ask(route, message as never), 1, "failed to parse id");
    }
  });

  test("a client id or a segment id of another kind", async () => {
    const volume = new V01Volume(wire);
    const request = volume.commitRequest(undefined, 1, await volume.write({ 1: 1 }));
    const words = "failed to parse id";
    expectError(await wire.ask("commit", { ...request, cid: volume.vid }), 1, words);
    const segments = [{ sid: volume.vid, graft: pageSet(1) }];
    expectError(await wire.ask("commit", { ...request, segments }), 1, words);
  });
});

describe("what is in a request", () => {
  test("LSN 0 anywhere: invalid LSN", async () => {
    const volume = await twoCommits();
    const { vid } = volume;
    const wrong = [
      await wire.ask("snapshot", { vid, lsn: 0n }),
      await wire.ask("pull_graft", { vid, range: { inclusiveStart: 0n } }),
      await wire.ask("pull_graft", { vid, range: { inclusiveStart: 1n, inclusiveEnd: 0n } }),
      await wire.ask("pull_commits", { vid, range: { inclusiveStart: 0n } }),
      await wire.ask("pull_commits", { vid, range: { inclusiveStart: 1n, inclusiveEnd: 0n } }),
      await wire.ask("commit", volume.commitRequest(0n, 1, [])),
      await wire.ask("read_pages", { vid, lsn: 0n, graft: pageSet(1) }),
    ];
    for (const answer of wrong) expectError(answer, 1, "invalid LSN");
  });

  test("page sets: no set, index 0, more than 1024", async () => {
    const volume = await twoCommits();
    const { vid } = volume;
    const sid = gidBytes(createSegmentId(ids));
    const read = (graft: Uint8Array) => wire.ask("read_pages", { vid, lsn: 2n, graft });
    const commit = (graft: Uint8Array) =>
      wire.ask("commit", { ...volume.commitRequest(2n, 2, []), segments: [{ sid, graft }] });
    const notSets = [new Uint8Array(0), Uint8Array.of(0xda, 0xae), new Uint8Array(25)];
    for (const graft of notSets) {
      expectError(await read(graft), 1, "failed to parse graft");
      expectError(await commit(graft), 1, "failed to parse graft");
    }
    // {0}: as {1} of docs/wire-v0.1.md §3.5, with another element.
    const set = Buffer.from(`daae12df${"00".repeat(17)}01000000`, "hex");
    expectError(await read(set), 1, "page indexes must be larger than zero");
    expectError(await commit(set), 1, "page indexes must be larger than zero");
    const many = pageSet(...Array.from({ length: 1025 }, (_, at) => at + 1));
    expectError(await read(many), 1, "too many page indexes");
  });

  test("pages: index 0, a wrong size, one twice", async () => {
    const { vid } = new V01Volume(wire);
    const write = (...pages: readonly ReturnType<typeof page>[]) =>
      wire.ask("write_pages", { vid, pages: [...pages] });
    expectError(await write(page(1, 1), page(0, 1)), 1, "invalid page index");
    expectError(await write(page(1, 1, 4095)), 1, "invalid page");
    expectError(await write(page(1, 1), page(2, 1, 8192)), 1, "invalid page");
    expectError(await write(page(1, 1), page(2, 2), page(1, 1)), 1, "duplicate page index");
  });
});

describe("what is in the volume", () => {
  test("no snapshot: an unknown volume, an LSN to come, nothing newer", async () => {
    const { vid: unknown } = new V01Volume(wire);
    const { vid } = await twoCommits();
    const words = "failed to load snapshot for volume";
    const start = (inclusiveStart: bigint, inclusiveEnd?: bigint) => ({
      range: { inclusiveStart, ...(inclusiveEnd === undefined ? {} : { inclusiveEnd }) },
    });
    const missing = [
      await wire.ask("snapshot", { vid: unknown }),
      await wire.ask("snapshot", { vid: unknown, lsn: 10n }),
      await wire.ask("snapshot", { vid, lsn: 3n }),
      await wire.ask("pull_graft", { vid: unknown, ...start(1n) }),
      await wire.ask("pull_graft", { vid: unknown }),
      await wire.ask("pull_graft", { vid, ...start(3n) }),
      await wire.ask("pull_graft", { vid, ...start(1n, 3n) }),
      await wire.ask("pull_commits", { vid: unknown, ...start(1n) }),
      await wire.ask("pull_commits", { vid, ...start(1n, 3n) }),
    ];
    for (const answer of missing) expectError(answer, 2, words);
    // The PageStore of v0.1 passed on what its MetaStore had said.
    const read = await wire.ask("read_pages", { vid: unknown, lsn: 1n, graft: pageSet(1) });
    expectError(read, 2, "graft client request failed");
  });

  test("a commit on a base that is not the newest, or does not exist, is rejected", async () => {
    const volume = await twoCommits();
    const unknown = new V01Volume(wire);
    const segments = await volume.write({ 1: 9 });
    for (const base of [undefined, 1n, 3n]) {
      const request = { ...volume.commitRequest(base, 2, segments), cid: unknown.cid };
      expectError(await wire.ask("commit", request), 3, "volume commit rejected");
    }
    const nowhere = unknown.commitRequest(1n, 1, await unknown.write({ 1: 1 }));
    expectError(await wire.ask("commit", nowhere), 3, "volume commit rejected");
  });

  test("a commit sent again must be the same one", async () => {
    const volume = await twoCommits();
    const words = "idempotent commit does not match previous request";
    const again = (pageCount: number, segments: Awaited<ReturnType<V01Volume["write"]>>) =>
      wire.ask("commit", volume.commitRequest(1n, pageCount, segments));
    const same = await again(2, await volume.write({ 2: 22 }));
    expect(same.status).toBe(200);
    expectError(await again(3, await volume.write({ 2: 22 })), 1, words);
    expectError(await again(2, []), 1, words);
    expectError(await again(2, await volume.write({ 1: 1, 2: 22 })), 1, words);
    expectError(await again(2, await volume.write({ 1: 1 })), 1, words);
    const twice = [...(await volume.write({ 2: 22 })), ...(await volume.write({ 2: 22 }))];
    expectError(await again(2, twice), 1, words);
  });
});

describe("what becomes of the object store", () => {
  const down = (...operations: ("get" | "put" | "create" | "head")[]) =>
    store.setRules({ fault: { kind: "unavailable" }, operations });
  const calm = () => store.setRules();

  test("down: each route says so, with code 101", async () => {
    const volume = await twoCommits();
    const segments = await volume.write({ 1: 9 });
    const cold = await Cluster.start({ network: "tcp", store });
    using other = new V01Wire(cold.url ?? "");
    down("get", "put", "create", "head");
    try {
      const { vid } = volume;
      const words = "volume store error";
      expectError(await other.ask("snapshot", { vid }), 101, words);
      expectError(await other.ask("pull_graft", { vid }), 101, words);
      expectError(await other.ask("pull_commits", { vid }), 101, words);
      const commit = volume.commitRequest(2n, 2, segments);
      expectError(await other.ask("commit", commit), 101, words);
      const write = await wire.ask("write_pages", { vid, pages: [page(1, 1)] });
      expectError(write, 101, "failed to upload segment");
      const read = await wire.ask("read_pages", { vid, lsn: 2n, graft: pageSet(1, 2) });
      expectError(read, 101, "failed to download segment");
    } finally {
      calm();
      await cold.stopServices();
    }
    expect(
      (await wire.ask("read_pages", { vid: volume.vid, lsn: 2n, graft: pageSet(1) })).status,
    ).toBe(200);
  });

  test("damaged: what cannot be read is code 100", async () => {
    const volume = await twoCommits();
    const { vid } = volume;
    store.setRules({ fault: { kind: "corrupted" }, operations: ["get"] });
    const cold = await Cluster.start({ network: "tcp", store });
    using other = new V01Wire(cold.url ?? "");
    try {
      expectError(await other.ask("snapshot", { vid }), 100, "volume store error");
      const read = await wire.ask("read_pages", { vid, lsn: 2n, graft: pageSet(1) });
      expectError(read, 100, "failed to validate segment");
    } finally {
      calm();
      await cold.stopServices();
    }
  });
});
