/** `Watch` over a real port, where it is written as bytes. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { toBinary } from "@bufbuild/protobuf";
import { type Page, toLsn, toPageIndex, type VolumeId } from "@graft/core";
import { systemClock as clock } from "@graft/core/node";
import { WatchRequestSchema } from "@graft/proto-gen/metastore";
import {
  createMetastoreClient,
  envelopeOf,
  fromWatchRequest,
  type MetastoreClient,
  MetricsRegistry,
  silentLog,
  toWatchEvent,
  type WatchEvent,
  type WatchRequest,
} from "@graft/rpc";
import { createNodeTransport, startServer } from "@graft/rpc/node";
import { describe, expect, test } from "vitest";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

const PATH = "/graft.metastore.v1.MetastoreService/Watch";

/** A MetaStore on a port, and a client of it. */
async function setUp() {
  const stack = new AsyncDisposableStack();
  const on = stack.use(createTestMetastore({ clock }));
  const metrics = new MetricsRegistry();
  const server = await startServer({ ...on, port: 0, metrics, log: silentLog });
  stack.defer(() => server.close());
  const { transport, close } = createNodeTransport({ baseUrl: server.url, clock });
  stack.defer(close);
  const client = createMetastoreClient(transport);
  const owned = stack.move();
  const { volumeId } = on;
  return {
    on,
    server,
    client,
    metrics,
    volumeId,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function commit(on: TestMetastore, from: number, to = from, pages = 1): Promise<void> {
  for (let lsn = from; lsn <= to; lsn++) {
    const base = lsn === 1 ? undefined : toLsn(BigInt(lsn - 1));
    const changed: Page[] = Array.from({ length: pages }, (_, at) => ({
      index: toPageIndex(at + 1),
      data: crypto.getRandomValues(new Uint8Array(4096)),
    }));
    await on.metastore.commit(await inlineCommitOf(on, base, changed));
  }
}

const requestOf = (volumeId: VolumeId, lsn?: number): WatchRequest => ({
  volumes: [lsn === undefined ? { volumeId } : { volumeId, lsn: toLsn(BigInt(lsn)) }],
  heartbeatMs: 1000,
  omitPages: false,
});

async function* eventsOf(client: MetastoreClient, request: WatchRequest, signal?: AbortSignal) {
  const messages = client.watch(fromWatchRequest(request), signal === undefined ? {} : { signal });
  for await (const message of messages) {
    const event = toWatchEvent(message);
    if (event !== undefined) yield event;
  }
}

async function next(events: AsyncGenerator<WatchEvent>): Promise<WatchEvent | undefined> {
  const { value, done } = await events.next();
  return done === true ? undefined : value;
}

describe("Watch on a port", () => {
  test("tells news and heartbeats, and ends when the server drains", async () => {
    await using all = await setUp();
    const { on, client, volumeId, metrics } = all;
    const events = eventsOf(client, requestOf(volumeId));
    expect(await next(events)).toEqual({ kind: "heartbeat", draining: false });
    await commit(on, 1, 1, 3);
    const news = await next(events);
    expect(news).toMatchObject({ kind: "news", snapshot: { lsn: 1n } });
    expect(news).toMatchObject({ inlineFrames: [expect.anything()] });
    expect(await next(events)).toEqual({ kind: "heartbeat", draining: false });
    on.drain();
    expect(await next(events)).toEqual({ kind: "heartbeat", draining: true });
    expect(await next(events)).toBeUndefined();
    const rpc = 'rpc="graft.metastore.v1.MetastoreService/Watch"';
    expect(metrics.render()).toContain(`graft_rpc_requests_total{${rpc},code="ok"} 1`);
  });

  test("tells all who watch the same bytes", async () => {
    await using all = await setUp();
    const { on, client, volumeId } = all;
    await commit(on, 1);
    // No second heartbeat, however slow the machine is.
    const request = { ...requestOf(volumeId, 1), heartbeatMs: 60_000 };
    const streams = Array.from({ length: 50 }, () => eventsOf(client, request));
    for (const events of streams) expect((await next(events))?.kind).toBe("heartbeat");
    await commit(on, 2);
    const told = await Promise.all(streams.map(next));
    expect(new Set(told.map((event) => event?.kind))).toEqual(new Set(["news"]));
    for (const event of told) expect(event).toEqual(told[0]);
    for (const events of streams) await events.return(undefined);
  });

  test("forgets a reader that has left", async () => {
    await using all = await setUp();
    const { on, client, volumeId, metrics } = all;
    const gone = new AbortController();
    const events = eventsOf(client, requestOf(volumeId), gone.signal);
    await next(events);
    gone.abort(new Error("left"));
    await expect(next(events)).rejects.toThrow("left");
    await until(() => metrics.render().includes('Watch"} 0'));
    await commit(on, 1);
  });

  test("a request that is none is invalid-argument, with our detail", async () => {
    await using all = await setUp();
    const { client, server, volumeId } = all;
    const twice = { ...requestOf(volumeId), volumes: [{ volumeId }, { volumeId }] };
    await expect(next(eventsOf(client, twice))).rejects.toMatchObject({ code: "invalid-argument" });
    const truncated = envelopeOf(new Uint8Array(40)).subarray(0, 12);
    for (const body of [envelopeOf(Uint8Array.of(0x0a, 0x7f)), Uint8Array.of(0), truncated]) {
      expect(await post(server.port, body)).toContain('"code":"invalid_argument"');
    }
  });

  test("is answered over HTTP/1.1, and to callers that want JSON, as well", async () => {
    await using all = await setUp();
    const { on, server, volumeId } = all;
    await commit(on, 1);
    const request = { ...requestOf(volumeId, 1), waitMs: 1000 };
    const body = envelopeOf(toBinary(WatchRequestSchema, fromWatchRequest(request)));
    expect(await post(server.port, body)).toContain("{}");
    const json = new TextEncoder().encode(JSON.stringify({ waitMs: 1000 }));
    expect(await post(server.port, envelopeOf(json), "json")).toContain("heartbeat");
  });

  test("a reader that reads nothing costs no memory: it is told less, in fewer events", async () => {
    await using all = await setUp();
    const { on, server, volumeId } = all;
    await commit(on, 1);
    const request = requestOf(volumeId, 1);
    const body = envelopeOf(toBinary(WatchRequestSchema, fromWatchRequest(request)));
    const events: Buffer[] = [];
    const paused = httpRequest({ port: server.port, path: PATH, method: "POST", headers: HEADERS });
    const opened = Promise.withResolvers<IncomingMessage>();
    paused.on("response", (response) => {
      response.once("data", (first: Buffer) => {
        events.push(first);
        opened.resolve(response.pause());
      });
    });
    paused.end(body);
    const response = await opened.promise;
    // 100 KiB each: more than any socket takes.
    await commit(on, 2, 200, 25);
    response.on("data", (part: Buffer) => events.push(part)).resume();
    const sizeOf = (): number => events.reduce((sum, part) => sum + part.length, 0);
    let size = -1;
    await until(() => {
      const isQuiet = size === sizeOf() && size > 100;
      size = sizeOf();
      return isQuiet;
    }, 700);
    expect(size).toBeGreaterThan(100 * 1024);
    expect(size).toBeLessThan(14 * 1024 * 1024);
    paused.destroy();
  });
});

const HEADERS = { "content-type": "application/connect+proto" };

function post(port: number, body: Uint8Array, codec = "proto"): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": `application/connect+${codec}` };
    const request = httpRequest({ port, path: PATH, method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("latin1").on("data", (part: string) => {
        text += part;
      });
      response.once("end", () => resolve(text));
    });
    request.once("error", reject);
    request.end(body);
  });
}

async function until(isSo: () => boolean, pauseMs = 5): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    if (isSo()) return;
    await clock.sleep(pauseMs);
  }
  throw new Error("it did not come about");
}
