/**
 * A call's deadline, and its caller's leaving, reach the object store: what nobody waits for any
 * more is given up there.
 */
import { randomBytes } from "node:crypto";
import * as http2 from "node:http2";
import { toBinary } from "@bufbuild/protobuf";
import {
  createClientId,
  createVolumeId,
  encodePageSet,
  gidBytes,
  MutablePageSet,
} from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import {
  type CallOptions,
  type GetOptions,
  MemoryObjectStore,
  type ObjectBody,
  type StoredObject,
} from "@graft/object-store";
import { MetastoreService } from "@graft/proto-gen/metastore";
import { StreamPagesRequestSchema } from "@graft/proto-gen/pagestore";
import { createClients, envelopeOf, type GraftClients } from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { until } from "../harness/until.ts";

const PAGE_SIZE = 4096;
const PAGES_A_PART = 256;
const PART_COUNT = 12;
const ONE_PAGE = encodePageSet(MutablePageSet.of(1));
const STREAM_PAGES = "/graft.pagestore.v1.PagestoreService/StreamPages";
const READ_PAGES = "/graft.pagestore.v1.PagestoreService/ReadPages";

/** Once told which objects, it answers nothing about them until the caller gives up. */
class HoldingStore extends MemoryObjectStore {
  holding: "head" | "segments" | undefined;
  readonly held = { started: 0, givenUp: 0 };

  override async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    await this.#hold(key, options?.signal);
    return await super.get(key, options);
  }

  override async put(key: string, body: ObjectBody, options?: CallOptions): Promise<void> {
    await this.#hold(key, options?.signal);
    await super.put(key, body, options);
  }

  async #hold(key: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.holding === undefined || !key.includes(this.holding)) return;
    this.held.started++;
    await new Promise<never>((_, reject) => {
      const giveUp = (): void => {
        this.held.givenUp++;
        reject(signal?.reason);
      };
      if (signal?.aborted === true) giveUp();
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }
}

let store: HoldingStore;
let cluster: Cluster;
let clients: GraftClients;
let disconnect: () => void;
let vid: Uint8Array;
beforeEach(async () => {
  store = new HoldingStore();
  cluster = await Cluster.start({ network: "tcp", store });
  connect();
  await fillVolume();
  // The caches are empty again: every page comes from the store.
  disconnect();
  await cluster.restartServices();
  connect();
  store.holding = "segments";
});
afterEach(async () => {
  disconnect();
  await cluster[Symbol.asyncDispose]();
});

function connect(): void {
  const { transport, close } = createNodeTransport({ baseUrl: urlNow(), clock: systemClock });
  clients = createClients(transport);
  disconnect = close;
}

function urlNow(): string {
  if (cluster.url === undefined) throw new Error("expected a cluster on a port");
  return cluster.url;
}

function partOf(part: number) {
  return Array.from({ length: PAGES_A_PART }, (_, at) => ({
    pageidx: part * PAGES_A_PART + at + 1,
    data: new Uint8Array(randomBytes(PAGE_SIZE)),
  }));
}

async function fillVolume(): Promise<void> {
  const means = { clock: systemClock, random: systemRandom };
  vid = gidBytes(createVolumeId(means));
  const cid = gidBytes(createClientId(means));
  const segments = [];
  for (let part = 0; part < PART_COUNT; part++) {
    const answer = await clients.pagestore.writePages({ vid, pages: partOf(part) });
    segments.push(...answer.segments);
  }
  const pageCount = PART_COUNT * PAGES_A_PART;
  await clients.metastore.commit({ vid, cid, pageCount, segments });
}

/** Nothing is asked of the store any more: what was held was given up, and nothing follows. */
async function expectQuiet(): Promise<void> {
  await until(() => store.held.givenUp === store.held.started);
  const { started } = store.held;
  // Whoever still wanted something would have asked within these turns.
  for (let turn = 0; turn < 20; turn++) await systemClock.sleep(5);
  expect(store.held.started).toBe(started);
}

describe("a deadline that the caller names", () => {
  test("ends a Connect call at the server, with what it asked of the store", async () => {
    await expect(readOnePage("300")).resolves.toBe(504);
    expect(store.held.started).toBeGreaterThan(0);
    await expectQuiet();
  });

  test("ends also what calls share: the look for the newest commit", async () => {
    store.holding = "head";
    await expect(readOnePage("300")).resolves.toBe(504);
    expect(store.held.started).toBeGreaterThan(0);
    await expectQuiet();
  });

  test("ends a gRPC stream at the server, with what it asked of the store", async () => {
    const message = toBinary(StreamPagesRequestSchema, {
      $typeName: "graft.pagestore.v1.StreamPagesRequest",
      vid,
      lsn: 1n,
      graft: new Uint8Array(0),
    });
    const trailers = await callGrpc(STREAM_PAGES, message, "300m");
    expect(trailers["grpc-status"]).toBe("4");
    expect(store.held.started).toBeGreaterThan(0);
    await expectQuiet();
  });

  test("ends a gRPC Watch at the server", async () => {
    const path = `/${MetastoreService.typeName}/Watch`;
    const trailers = await callGrpc(path, new Uint8Array(0), "300m");
    expect(trailers["grpc-status"]).toBe("4");
  });
});

describe("a caller that leaves", () => {
  test("ends a read: its requests to the store are given up, and no more are made", async () => {
    const gone = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of clients.pagestore.streamPages({ vid, lsn: 1n }, gone));
    };
    const reading = read();
    await until(() => store.held.started > 0);
    gone.abort(new Error("left"));
    await expect(reading).rejects.toThrow("left");
    await expectQuiet();
    // Each part is a segment of four frames, which may be asked for one by one.
    expect(store.held.started).toBeLessThan(4 * PART_COUNT);
  });

  test("ends writes, also those that wait for their turn to compress", async () => {
    const gone = new AbortController();
    const writes = Array.from({ length: 24 }, (_, part) =>
      clients.pagestore.writePages({ vid, pages: partOf(part) }, gone),
    );
    const ended = Promise.allSettled(writes);
    await until(() => store.held.started > 0);
    gone.abort(new Error("left"));
    expect((await ended).every(({ status }) => status === "rejected")).toBe(true);
    await expectQuiet();
    expect(store.held.started).toBeLessThan(writes.length);
  });
});

/** The status that a Connect call of one page ends with. */
async function readOnePage(timeoutMs: string): Promise<number> {
  const { status, ...answer } = await post(READ_PAGES, timeoutMs, {
    vid: base64(vid),
    lsn: 1,
    graft: base64(ONE_PAGE),
  });
  expect(answer.body).toMatchObject({ code: "deadline_exceeded" });
  return status;
}

async function post(path: string, timeoutMs: string, body: object) {
  const headers = { "content-type": "application/json", "connect-timeout-ms": timeoutMs };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await fetch(`${urlNow()}${path}`, init);
  return { status: answer.status, body: await answer.json() };
}

/** One gRPC call that only its server ends. Answers its trailers. */
async function callGrpc(
  path: string,
  message: Uint8Array,
  timeout: string,
): Promise<http2.IncomingHttpHeaders> {
  const session = http2.connect(urlNow());
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc+proto",
    "grpc-timeout": timeout,
    te: "trailers",
  });
  stream.end(envelopeOf(message));
  stream.resume();
  const trailers = await new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
    stream.on("trailers", resolve);
    stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) resolve(headers);
    });
    stream.on("error", reject);
  });
  session.destroy();
  return trailers;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
