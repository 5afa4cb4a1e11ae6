import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createVolumeId, encodePageSet, gidBytes, MutablePageSet, toLsn } from "@graft/core";
import { nodeCompute, nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { logKey } from "@graft/format";
import { FileObjectStore } from "@graft/object-store";
import { MetastoreService, PullCommitsResponseSchema } from "@graft/proto-gen/metastore";
import { ReadPagesRequestSchema, ReadPagesResponseSchema } from "@graft/proto-gen/pagestore";
import {
  createPagestoreClient,
  MetricsRegistry,
  silentLog,
  toPullCommitsRequest,
} from "@graft/rpc";
import { createNodeTransport, type RunningServer, startServer } from "@graft/rpc/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PagestoreConfig } from "./config.ts";
import { type ServingPagestore, servePagestore } from "./serve.ts";
import { VolumeWriter } from "./testing/volume-writer.ts";

let root: string;
let store: FileObjectStore;
let volume: VolumeWriter;
let metastore: RunningServer;
let pagestore: ServingPagestore;
const means = {
  clock: systemClock,
  random: systemRandom,
  compute: nodeCompute,
  fileSystem: nodeFileSystem,
  env: {},
  log: silentLog,
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "graft-pagestore-"));
  store = new FileObjectStore({ root, fileSystem: nodeFileSystem });
  volume = new VolumeWriter({ ...means, store });
  const pages = [1, 2, 3].map((index) => [index, new Uint8Array(4096).fill(index)] as const);
  await volume.commit({ pages: new Map(pages), pageCount: 3, placement: { segments: 1 } });
  metastore = await serveLog();
  pagestore = await servePagestore(config(), means);
});

afterEach(async () => {
  await pagestore[Symbol.asyncDispose]();
  await metastore.close();
  await rm(root, { recursive: true, force: true });
});

/** A MetaStore that only knows what lies in the log. */
async function serveLog(): Promise<RunningServer> {
  return await startServer({
    port: 0,
    metrics: new MetricsRegistry(),
    log: silentLog,
    clock: systemClock,
    routes: (router) =>
      router.service(MetastoreService, {
        pullCommits: async (message) => {
          const { volumeId, range } = toPullCommitsRequest(message);
          const record = (await store.get(logKey(volumeId, range.start)))?.bytes;
          if (record === undefined) return create(PullCommitsResponseSchema, {});
          const snapshot = {
            vid: gidBytes(volumeId),
            cid: Uint8Array.of(0xc0, ...new Array(15).fill(0)),
            lsn: range.start,
            pageCount: 3,
            timestamp: { seconds: 1n, nanos: 0 },
          };
          return create(PullCommitsResponseSchema, { commits: [{ snapshot, record }] });
        },
      }),
  });
}

function config(change: Partial<PagestoreConfig> = {}): PagestoreConfig {
  return {
    host: "127.0.0.1",
    port: 0,
    storeUrl: `file:${root}`,
    metastoreUrl: metastore.url,
    frameCacheSize: 1024 * 1024,
    logLevel: "silent",
    ...change,
  };
}

function pageSet(...indexes: readonly number[]): Uint8Array {
  return encodePageSet(MutablePageSet.from(indexes));
}

const DISK_HITS = 'graft_reads_total{what="frame",tier="disk"}';

/** The value of one line of /metrics; 0 without it. */
async function metric(url: string, name: string): Promise<number> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
  return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? 0);
}

async function storeGets(url: string): Promise<number> {
  return await metric(url, 'graft_object_store_requests_total{operation="get",kind="segment"}');
}

describe("a PageStore on a port of its own", () => {
  it.each(["1.1", "2"] as const)("serves pages over HTTP/%s", async (httpVersion) => {
    const connection = { baseUrl: pagestore.url, clock: systemClock, httpVersion };
    const { transport, close } = createNodeTransport(connection);
    const client = createPagestoreClient(transport);
    const ask = { vid: gidBytes(volume.volumeId), lsn: 1n, graft: pageSet(1, 3, 4) };
    const { pages } = await client.readPages(ask);
    expect(pages.map(({ pageidx, data }) => [pageidx, data[0]])).toEqual([
      [1, 1],
      [3, 3],
    ]);
    const streamed = await Array.fromAsync(
      client.streamPages({ ...ask, graft: new Uint8Array(0) }),
    );
    expect(streamed.flatMap((answer) => answer.pages)).toHaveLength(3);
    const written = [{ pageidx: 9, data: new Uint8Array(4096) }];
    expect((await client.writePages({ vid: ask.vid, pages: written })).segments).toHaveLength(1);
    close();
  });

  it("serves the v0.1 route", async () => {
    const message = { vid: gidBytes(volume.volumeId), lsn: 1n, graft: pageSet(2) };
    const body = toBinary(ReadPagesRequestSchema, create(ReadPagesRequestSchema, message));
    const headers = { "content-type": "application/x-protobuf" };
    const url = `${pagestore.url}/pagestore/v1/read_pages`;
    const answer = await fetch(url, { method: "POST", headers, body: new Uint8Array(body) });
    expect(answer.headers.get("content-type")).toBe("application/x-protobuf");
    const { pages } = fromBinary(
      ReadPagesResponseSchema,
      new Uint8Array(await answer.arrayBuffer()),
    );
    expect(pages.map(({ pageidx }) => pageidx)).toEqual([2]);
  });

  it("tells its health and its numbers", async () => {
    expect((await fetch(`${pagestore.url}/healthz`)).status).toBe(200);
    const { transport, close } = createNodeTransport({
      baseUrl: pagestore.url,
      clock: systemClock,
    });
    const ask = { vid: gidBytes(volume.volumeId), lsn: 1n, graft: pageSet(1) };
    await createPagestoreClient(transport).readPages(ask);
    await createPagestoreClient(transport).readPages(ask);
    close();
    const metrics = await (await fetch(`${pagestore.url}/metrics`)).text();
    expect(metrics).toMatch(
      /graft_object_store_requests_total\{operation="get",kind="segment"\} 1$/m,
    );
    expect(metrics).toContain('graft_reads_total{what="frame",tier="memory"}');
    expect(metrics).toMatch(/graft_frame_cache_bytes\{tier="memory"\} [1-9]/);
  });

  it("asks the store for no frame that an earlier process read, and reads on without its cache", async () => {
    const directory = join(root, "..", `${basename(root)}-cache`);
    const diskCache = { directory, sizeMax: 64 * 1024 * 1024 };
    const read = async (): Promise<readonly number[]> => {
      await using server = await servePagestore(config({ diskCache }), means);
      const before = await storeGets(server.url);
      const { transport, close } = createNodeTransport({ baseUrl: server.url, clock: systemClock });
      const ask = { vid: gidBytes(volume.volumeId), lsn: 1n, graft: pageSet(1, 2, 3) };
      const { pages } = await createPagestoreClient(transport).readPages(ask);
      close();
      expect(pages.map(({ data }) => data)).toEqual(
        [1, 2, 3].map((fill) => new Uint8Array(4096).fill(fill)),
      );
      const after = await storeGets(server.url);
      return [after - before, await metric(server.url, DISK_HITS)];
    };
    try {
      expect(await read()).toEqual([1, 0]);
      expect(await read()).toEqual([0, 1]);
      await rm(directory, { recursive: true });
      expect(await read()).toEqual([1, 0]);
      expect(await read()).toEqual([0, 1]);
      await using holder = await servePagestore(config({ diskCache }), means);
      expect(holder.url).toMatch(/^http/);
      expect(await read()).toEqual([1, 0]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it("says so when the MetaStore is gone, and goes on with what it knows", async () => {
    const { transport, close } = createNodeTransport({
      baseUrl: pagestore.url,
      clock: systemClock,
    });
    const client = createPagestoreClient(transport);
    const ask = { vid: gidBytes(volume.volumeId), lsn: 1n, graft: pageSet(1) };
    await client.readPages(ask);
    await metastore.close();
    expect((await client.readPages(ask)).pages).toHaveLength(1);
    const stranger = gidBytes(createVolumeId(means));
    await expect(client.readPages({ ...ask, vid: stranger })).rejects.toMatchObject({
      code: "unavailable",
    });
    close();
  });

  it("refuses a port that is taken, and a store that is none", async () => {
    const port = Number(new URL(pagestore.url).port);
    await expect(servePagestore(config({ port }), means)).rejects.toMatchObject({
      code: "unavailable",
    });
    await expect(servePagestore(config({ storeUrl: "nowhere:" }), means)).rejects.toMatchObject({
      code: "invalid-argument",
    });
  });
});

describe("the pagestore process", () => {
  const main = join(import.meta.dirname, "main.ts");

  function start(env: Record<string, string>): ReturnType<typeof spawn> {
    const args = ["--conditions=@graft/source", main];
    return spawn(process.execPath, args, { env: { PATH: process.env.PATH, ...env } });
  }

  it("says where it listens, serves, and ends with 0 on SIGTERM", async () => {
    const child = start({
      GRAFT_STORE: `file:${root}`,
      GRAFT_METASTORE: metastore.url,
      GRAFT_PAGESTORE_PORT: "0",
    });
    const [line] = await once(createInterface({ input: child.stdout ?? process.stdin }), "line");
    const { url } = JSON.parse(String(line)) as { url: string };
    const { transport, close } = createNodeTransport({ baseUrl: url, clock: systemClock });
    const ask = { vid: gidBytes(volume.volumeId), lsn: toLsn(1n), graft: pageSet(1) };
    expect((await createPagestoreClient(transport).readPages(ask)).pages).toHaveLength(1);
    close();
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
  });

  it("ends with 2 and one line when it is set up wrongly", async () => {
    const child = start({ GRAFT_STORE: "file:./x" });
    const errors = await Array.fromAsync(child.stderr ?? []);
    const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
    expect(code).toBe(2);
    const text = Buffer.concat(errors as Buffer[]).toString();
    expect(text).toBe(
      "graft pagestore: GRAFT_METASTORE is not set: expected a URL, such as http://127.0.0.1:3001\n",
    );
  });
});
