/** The contract with libgraft 0.1.x, row by row (docs/wire-v0.1.md §0), with raw requests. */
import { connect } from "node:net";
import { decodePageSet, gidBytes, LSN_FIRST, toPageSize, toVolumeId } from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { decodeVolumeRecord, logKey, volumeKey } from "@graft/format";
import { MemoryObjectStore } from "@graft/object-store";
import { type Log, MetricsRegistry, type RawRoute, silentLog } from "@graft/rpc";
import { type RunningServer, startServer } from "@graft/rpc/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../harness/cluster.ts";
import { commitPages } from "../../harness/pages.ts";
import { until } from "../../harness/until.ts";
import {
  graftErr,
  page,
  pageSet,
  RAW,
  ROUTE_NAMES,
  ROUTES,
  requestBytes,
  V01Volume,
  V01Wire,
} from "./v01-wire.ts";
import { WatchedWay } from "./watched-way.ts";

const BODY_SIZE_LIMIT = 8_388_608;
/** {1}, as §3.5 has it. */
const SET_1 = `daae12df01${"00".repeat(16)}01000000`;
const NEWS = graftErr(2, "failed to load snapshot for volume");

let cluster: Cluster;
let wire: V01Wire;
let store: RecordingStore;

beforeAll(async () => {
  store = new RecordingStore();
  cluster = await Cluster.start({ network: "tcp", store });
  wire = new V01Wire(cluster.url ?? "");
});
afterAll(async () => {
  wire[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});

describe("the contract with libgraft", () => {
  test("1, 2: every answer has the content type, and an error is a GraftErr", async () => {
    const volume = new V01Volume(wire);
    const { vid } = volume;
    const answers = [
      await wire.ask("write_pages", { vid, pages: [page(1, 1)] }),
      await wire.ask("commit", volume.commitRequest(undefined, 1, await volume.write({ 1: 1 }))),
      await wire.ask("snapshot", { vid }),
      await wire.ask("pull_graft", { vid, range: { inclusiveStart: 1n } }),
      await wire.ask("pull_commits", { vid, range: { inclusiveStart: 1n } }),
      await wire.ask("read_pages", { vid, lsn: 1n, graft: pageSet(1) }),
      // Successes with an empty body.
      await wire.ask("pull_commits", { vid, range: { inclusiveStart: 2n } }),
      await wire.ask("read_pages", { vid, lsn: 1n, graft: pageSet(9) }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(answers.slice(-2).map(({ body }) => body.length)).toEqual([0, 0]);
    const refused = await wire.send(ROUTES.commit.path, Uint8Array.of(1));
    for (const { headers } of [...answers, refused]) {
      expect(headers["content-type"]).toBe(RAW);
      expect(headers["content-length"]).toMatch(/^\d+$/);
    }
    expect(Buffer.from(refused.body)).toEqual(Buffer.from(graftErr(1, "invalid request body")));
  });

  test("3: nothing newer is code 2, before the first commit too", async () => {
    const volume = new V01Volume(wire);
    const { vid } = volume;
    for (const start of [1n, 2n]) {
      const answer = await wire.ask("pull_graft", { vid, range: { inclusiveStart: start } });
      expect([answer.status, Buffer.from(answer.body)]).toEqual([404, Buffer.from(NEWS)]);
      if (start === 1n) await volume.commit(undefined, 1, { 1: 1 });
    }
  });

  test("4, 5: a pull has a snapshot, a range, and a v1 page set without 0", async () => {
    const volume = new V01Volume(wire);
    await volume.commit(undefined, 1, { 1: 1 });
    await volume.commit(1n, 3, { 1: 2, 3: 3 });
    const { vid } = volume;
    const one = await wire.must("pull_graft", {
      vid,
      range: { inclusiveStart: 1n, inclusiveEnd: 1n },
    });
    expect(one.snapshot).toMatchObject({ lsn: 1n, checkpointLsn: 1n, pageCount: 1, vid });
    expect(Buffer.from(one.graft).toString("hex")).toBe(SET_1);
    const all = await wire.must("pull_graft", { vid, range: { inclusiveStart: 1n } });
    expect(all.snapshot).toMatchObject({ lsn: 2n, pageCount: 3, cid: volume.cid });
    expect(all.range).toMatchObject({ inclusiveStart: 1n, inclusiveEnd: 2n });
    expect([...decodePageSet(all.graft, "corrupt")]).toEqual([1, 3]);
    // A commit that only shrinks.
    await volume.commit(2n, 1);
    const shrunk = await wire.must("pull_graft", { vid, range: { inclusiveStart: 3n } });
    expect(Buffer.from(shrunk.graft).toString("hex")).toBe("daae12df00000000");
  });

  test("6, 7: a commit answers an LSN above the base, or code 3", async () => {
    const volume = new V01Volume(wire);
    expect(await volume.commit(undefined, 1, { 1: 1 })).toBe(1n);
    expect(await volume.commit(1n, 1, { 1: 2 })).toBe(2n);
    const late = volume.commitRequest(1n, 1, await volume.write({ 1: 3 }));
    const { status, body } = await wire.ask("commit", late);
    const expected = Buffer.from(graftErr(3, "volume commit rejected"));
    expect([status, Buffer.from(body)]).toEqual([409, expected]);
  });

  test("8, 13: pages of 4096 bytes, none that was not asked for, none that is not there", async () => {
    const volume = new V01Volume(wire);
    await volume.commit(undefined, 5, { 1: 1, 2: 2, 5: 5 });
    // What its prefetch asks for when a trend falls below page 1, and beyond the end.
    const graft = pageSet(2, 3, 4, 6, 1000, 4_294_967_294);
    const { pages } = await wire.must("read_pages", { vid: volume.vid, lsn: 1n, graft });
    expect(pages.map(({ pageidx, data }) => [pageidx, data.length, data[0]])).toEqual([
      [2, 4096, 2],
    ]);
    // {2^32 − 1}, which is no page of SQLite's.
    const last = Buffer.from("daae12dfffff000000ff0000000000ff000000000001000000", "hex");
    const none = await wire.ask("read_pages", { vid: volume.vid, lsn: 1n, graft: last });
    expect([none.status, none.body.length]).toEqual([200, 0]);
  });

  test("9: the largest answer stays below 8 MiB", async () => {
    const volume = new V01Volume(wire);
    const data = new Uint8Array(4096);
    const pages = Array.from({ length: 1024 }, (_, at) => {
      systemRandom.fill(data);
      return { pageidx: at + 1, data: data.slice() };
    });
    const { segments } = await wire.must("write_pages", { vid: volume.vid, pages });
    await wire.must("commit", volume.commitRequest(undefined, 1024, segments));
    const graft = pageSet(...pages.map(({ pageidx }) => pageidx));
    const { body } = await wire.ask("read_pages", { vid: volume.vid, lsn: 1n, graft });
    expect(body.length).toBeGreaterThan(1024 * 4096);
    expect(body.length).toBeLessThan(BODY_SIZE_LIMIT);
  });

  test("11, 14: no compression whatever is accepted; one connection, kept for > 300 s", async () => {
    const volume = new V01Volume(wire);
    await volume.commit(undefined, 8, { 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8 });
    await using way = await WatchedWay.start(() => cluster.url);
    using watched = new V01Wire(way.url);
    const message = { vid: volume.vid, lsn: 1n, graft: pageSet(1, 2, 3, 4, 5, 6, 7, 8) };
    const { path } = ROUTES.read_pages;
    for (const accepted of ["br", "gzip, br, zstd", undefined]) {
      const headers = { "accept-encoding": accepted };
      const answer = await watched.send(path, requestBytes("read_pages", message), headers);
      expect(answer.headers["content-encoding"]).toBeUndefined();
      expect(answer.headers["transfer-encoding"]).toBeUndefined();
      expect(answer.headers["content-length"]).toBe(String(answer.body.length));
      const [, seconds] = /timeout=(\d+)/.exec(String(answer.headers["keep-alive"])) ?? [];
      expect(Number(seconds)).toBeGreaterThan(300);
    }
    await watched.ask("pull_graft", { vid: volume.vid, range: { inclusiveStart: 2n } });
    expect(way.connectionCount).toBe(1);
  });

  test("12: the routes are at the root; another method or path is an empty answer", async () => {
    const url = cluster.url ?? "";
    for (const route of ROUTE_NAMES) {
      const wrong = await fetch(new URL(ROUTES[route].path, url));
      expect([wrong.status, wrong.headers.get("allow"), await wrong.text()]).toEqual([
        405,
        "POST",
        "",
      ]);
    }
    const nowhere = await wire.send("/metastore/v1/other", Uint8Array.of(1));
    expect([nowhere.status, nowhere.body.length]).toEqual([404, 0]);
    const health = await fetch(new URL("/health", url));
    expect(await health.text()).toBe("OK\n");
    expect(health.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  });

  const SLOW: RawRoute = { path: "/slow", handle: () => new Promise(() => undefined) };
  const serveSlow = (log: Log): Promise<RunningServer> =>
    startServer({
      port: 0,
      routes: () => undefined,
      rawRoutes: [SLOW],
      deadlineMs: 50,
      metrics: new MetricsRegistry(),
      clock: systemClock,
      log,
    });

  test("10: what takes too long is answered before the client hangs up", async () => {
    const server = await serveSlow(silentLog);
    using slow = new V01Wire(server.url);
    const { status, headers, body } = await slow.send("/slow", Uint8Array.of(1));
    expect([status, headers["content-type"], body[1]]).toEqual([503, RAW, 101]);
    await server.close();
  });

  test("a client that hangs up in the middle of a request is no error of the server", async () => {
    const said: string[] = [];
    const errors: string[] = [];
    const server = await serveSlow({
      ...silentLog,
      debug: (_, message) => said.push(message),
      error: (_, message) => errors.push(message),
    });
    const socket = connect(server.port, "127.0.0.1");
    const head = `POST /slow HTTP/1.1\r\nhost: x\r\ncontent-type: ${RAW}\r\ncontent-length: 9`;
    socket.end(`${head}\r\n\r\nhalf`);
    await until(() => said.includes("the caller of a raw route is gone"));
    expect(errors).toEqual([]);
    await server.close();
  });
});

describe("a volume of v0.1", () => {
  test("its first commit makes it, with pages of 4096 bytes, before the log begins", async () => {
    const volume = new V01Volume(wire);
    store.created.length = 0;
    await volume.commit(undefined, 1, { 1: 1 });
    const id = toVolumeId(volume.vid);
    const own = store.created.filter((key) => key.includes(id));
    expect(own.slice(0, 2)).toEqual([volumeKey(id), logKey(id, LSN_FIRST)]);
    const record = await store.get(volumeKey(id));
    const context = { objectName: "volume", volumeId: id };
    expect(
      decodeVolumeRecord(record?.bytes ?? new Uint8Array(), nodeCompute, context),
    ).toMatchObject({ pageSize: 4096 });
  });

  test("may have been made before, by us", async () => {
    const client = await cluster.openClient();
    const { volumeId } = await client.createVolume();
    const volume = new V01Volume(wire, gidBytes(volumeId));
    expect(await volume.commit(undefined, 1, { 1: 1 })).toBe(1n);
  });

  test("is refused on every route when it has other pages, and both sizes are named", async () => {
    const client = await cluster.openClient();
    const other = await client.createVolume({ pageSize: toPageSize(8192) });
    commitPages(other, { 1: 1, 2: 2 }, 2);
    await other.push();
    const volume = new V01Volume(wire, gidBytes(other.volumeId));
    const { vid } = volume;
    const known = await new V01Volume(wire).write({ 1: 1 });
    const range = { inclusiveStart: 1n };
    const answers = [
      await wire.ask("snapshot", { vid }),
      await wire.ask("pull_graft", { vid, range }),
      await wire.ask("pull_graft", { vid, range: { inclusiveStart: 2n } }),
      await wire.ask("pull_commits", { vid, range }),
      await wire.ask("read_pages", { vid, lsn: 1n, graft: pageSet(1) }),
      await wire.ask("write_pages", { vid, pages: [page(1, 1)] }),
      await wire.ask("commit", volume.commitRequest(undefined, 1, [])),
      await wire.ask("commit", volume.commitRequest(1n, 1, [...known])),
    ];
    for (const { status, body } of answers) {
      expect([status, ...body.subarray(0, 2)]).toEqual([400, 0x08, 1]);
      expect(Buffer.from(body).toString()).toMatch(/8192.*4096|4096.*8192/);
    }
  });
});

/** Remembers what was created, in order. */
class RecordingStore extends MemoryObjectStore {
  readonly created: string[] = [];

  override create(
    ...[key, body, options]: Parameters<MemoryObjectStore["create"]>
  ): ReturnType<MemoryObjectStore["create"]> {
    this.created.push(key);
    return super.create(key, body, options);
  }
}
