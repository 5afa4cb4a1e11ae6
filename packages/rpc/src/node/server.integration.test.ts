import * as http from "node:http";
import * as net from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { GraftError, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { GraftErrCode, GraftErrSchema } from "@graft/proto-gen/common";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@graft/proto-gen/health";
import {
  CreateVolumeRequestSchema,
  CreateVolumeResponseSchema,
  MetastoreService,
} from "@graft/proto-gen/metastore";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMetastoreClient } from "../client-transport.ts";
import { saysNothingWritten } from "../error-mapping.ts";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { createRawRoute, RAW_CONTENT_TYPE, type RawRoute } from "../raw/raw-route.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { createNodeTransport } from "./client-transport.ts";
import { type RunningServer, startServer } from "./server.ts";

const echoRoute = createRawRoute({
  path: "/metastore/v1/echo",
  input: CreateVolumeRequestSchema,
  output: CreateVolumeResponseSchema,
  handle({ pageSize }) {
    if (pageSize === 1) throw new GraftError("rejected", "the base moved");
    if (pageSize === 2) throw new TypeError("a secret of this server");
    return { pageSize, created: true };
  },
});

/** Answers its request, in memory that it lends and takes back. */
const lending = { lent: 0, released: 0 };
const lendingRoute: RawRoute = {
  path: "/pagestore/v1/lent",
  async handle(body) {
    lending.lent++;
    return { bytes: body, release: () => void lending.released++ };
  },
};

function start(): Promise<RunningServer> {
  return startServer({
    port: 0,
    routes: echoRoutes,
    rawRoutes: [echoRoute, lendingRoute],
    metrics: new MetricsRegistry(),
    log: silentLog,
    clock: systemClock,
  });
}

let server: RunningServer;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** One request as curl would send it. */
function call(options: http.RequestOptions, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ port: server.port, ...options }, async (response) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of response) chunks.push(chunk as Uint8Array);
      const { statusCode = 0, headers } = response;
      resolve({ status: statusCode, headers, body: Buffer.concat(chunks) });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function postRaw(body: Uint8Array, contentType: string = RAW_CONTENT_TYPE): Promise<Answer> {
  const headers = { "content-type": contentType, "content-length": body.length };
  return call({ method: "POST", path: "/metastore/v1/echo", headers }, body);
}

function pageSizeMessage(pageSize: number): Uint8Array {
  return toBinary(CreateVolumeRequestSchema, create(CreateVolumeRequestSchema, { pageSize }));
}

const transports: Record<string, () => Transport> = {
  "Connect over HTTP/1.1": () =>
    createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }),
  "Connect over HTTP/2": () => createConnectTransport({ baseUrl: server.url, httpVersion: "2" }),
  "Connect with JSON": () =>
    createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", useBinaryFormat: false }),
  gRPC: () => createGrpcTransport({ baseUrl: server.url }),
  "gRPC-Web over HTTP/1.1": () =>
    createGrpcWebTransport({ baseUrl: server.url, httpVersion: "1.1" }),
  "gRPC-Web over HTTP/2": () => createGrpcWebTransport({ baseUrl: server.url, httpVersion: "2" }),
};

describe.each(Object.entries(transports))("one port speaks %s", (_name, createTransport) => {
  test("a unary call is answered", async () => {
    const client = createClient(MetastoreService, createTransport());
    expect(await client.createVolume({ pageSize: 512 })).toMatchObject({ pageSize: 512 });
  });

  test("an error carries our code, its facts and that nothing was written", async () => {
    const client = createMetastoreClient(createTransport());
    const error = await client.getSnapshot({}).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(GraftError);
    expect(error).toMatchObject({ code: "rejected", message: "base 7 is not the head" });
    expect((error as GraftError).details).toMatchObject({ volume: "v", retryAfterMs: 20 });
    expect(saysNothingWritten(error as GraftError)).toBe(true);
  });

  test("a bug's text stays on the server", async () => {
    const client = createMetastoreClient(createTransport());
    await expect(client.getSnapshot({ lsn: 1n })).rejects.toMatchObject({
      code: "internal",
      message: "internal server error",
    });
  });

  test("a stream delivers events while it is open and ends when its reader leaves", async () => {
    const client = createMetastoreClient(createTransport());
    const gone = new AbortController();
    let count = 0;
    const read = async () => {
      const volumes = [{ vid: new Uint8Array(16) }, { vid: new Uint8Array(16) }];
      for await (const event of client.watch({ volumes }, { signal: gone.signal })) {
        expect(event.event.case).toBe("heartbeat");
        if (++count === 2) gone.abort(new Error("enough"));
      }
    };
    await expect(read()).rejects.toThrow("enough");
    expect(count).toBe(2);
  });

  test("grpc.health.v1 says that it serves", async () => {
    const client = createClient(Health, createTransport());
    const service = MetastoreService.typeName;
    expect(await client.check({})).toMatchObject({ status: Status.SERVING });
    expect(await client.check({ service })).toMatchObject({ status: Status.SERVING });
    await expect(client.check({ service: "other" })).rejects.toThrow("unknown service");
  });
});

describe("raw routes", () => {
  test("answer protobuf with its length, uncompressed, even when compression is offered", async () => {
    const headers = { "content-type": RAW_CONTENT_TYPE, "accept-encoding": "br, gzip, zstd" };
    const options = { method: "POST", path: "/metastore/v1/echo?x=1", headers };
    const answer = await call(options, pageSizeMessage(4096));
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/x-protobuf");
    expect(answer.headers["content-length"]).toBe(String(answer.body.length));
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(fromBinary(CreateVolumeResponseSchema, answer.body).pageSize).toBe(4096);
  });

  test("keep connections open longer than v0.1 clients do", async () => {
    const answer = await call({ path: "/health", agent: new http.Agent({ keepAlive: true }) });
    expect(answer.headers["keep-alive"]).toBe("timeout=315");
  });

  test.each([
    ["another content type", "application/protobuf", pageSizeMessage(1)],
    ["a content type with parameters", "application/x-protobuf; v=1", pageSizeMessage(1)],
    ["an upper-case content type", "Application/X-Protobuf", pageSizeMessage(1)],
    ["an empty body", RAW_CONTENT_TYPE, new Uint8Array(0)],
    ["what is no message", RAW_CONTENT_TYPE, Uint8Array.of(255, 255, 255)],
    ["a body over the limit", RAW_CONTENT_TYPE, new Uint8Array(REQUEST_BODY_SIZE_MAX + 1)],
  ])("%s is answered 400 with code 1", async (_what, contentType, body) => {
    const answer = await postRaw(body, contentType);
    expect(answer.status).toBe(400);
    expect(answer.headers["content-type"]).toBe("application/x-protobuf");
    expect(fromBinary(GraftErrSchema, answer.body)).toMatchObject({
      code: GraftErrCode.CLIENT,
      message: "invalid request body",
    });
  });

  test("a body over the limit whose length is not announced is refused too", async () => {
    const answer = await call(
      {
        method: "POST",
        path: "/metastore/v1/echo",
        headers: { "content-type": RAW_CONTENT_TYPE, "transfer-encoding": "chunked" },
      },
      new Uint8Array(REQUEST_BODY_SIZE_MAX + 1),
    );
    expect(answer.status).toBe(400);
  });

  test("errors are GraftErr with the status of their code", async () => {
    const rejected = await postRaw(pageSizeMessage(1));
    expect(rejected.status).toBe(409);
    expect(fromBinary(GraftErrSchema, rejected.body).code).toBe(GraftErrCode.COMMIT_REJECTED);
    const bug = await postRaw(pageSizeMessage(2));
    expect(bug.status).toBe(500);
    expect(fromBinary(GraftErrSchema, bug.body)).toMatchObject({
      code: GraftErrCode.SERVER,
      message: "internal server error",
    });
  });

  test("another method is 405 with Allow, an unknown path 404, both empty", async () => {
    const wrongMethod = await call({ method: "GET", path: "/metastore/v1/echo" });
    expect([wrongMethod.status, wrongMethod.headers.allow]).toEqual([405, "POST"]);
    const unknown = await call({ method: "POST", path: "/metastore/v1/other" });
    expect([unknown.status, unknown.body.length]).toEqual([404, 0]);
  });
});

describe("operations", () => {
  test("/healthz, /health and /metrics answer", async () => {
    const health = await call({ path: "/health" });
    expect([health.status, Buffer.from(health.body).toString()]).toEqual([200, "OK\n"]);
    expect((await call({ path: "/healthz" })).status).toBe(200);
    const metrics = await call({ path: "/metrics" });
    const text = Buffer.from(metrics.body).toString();
    expect(text).toContain('graft_rpc_requests_total{rpc="/metastore/v1/echo",code="ok"}');
    expect(text).toContain(
      'graft_rpc_requests_total{rpc="graft.metastore.v1.MetastoreService/GetSnapshot",code="Aborted"}',
    );
  });

  test("a first line that arrives byte by byte is understood", async () => {
    const socket = net.connect(server.port);
    socket.setNoDelay(true);
    for (const char of "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") {
      socket.write(char);
      await systemClock.sleep(1);
    }
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toContain("200 OK");
  });

  test("a peer that hangs up before saying anything harms nobody", async () => {
    for (const head of ["", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
      const socket = net.connect(server.port);
      socket.write(head);
      await systemClock.sleep(5);
      socket.destroy();
    }
    expect((await call({ path: "/healthz" })).status).toBe(200);
  });

  test("a taken port is a clear error", async () => {
    const second = startServer({
      port: server.port,
      routes: echoRoutes,
      metrics: new MetricsRegistry(),
      log: silentLog,
      clock: systemClock,
    });
    await expect(second).rejects.toThrow(`cannot listen on 127.0.0.1:${server.port}`);
  });
});

describe("the client's transport", () => {
  test.each(["1.1", "2"] as const)("HTTP/%s counts calls and bytes both ways", async (version) => {
    const options = { baseUrl: server.url, clock: systemClock, httpVersion: version };
    const node = createNodeTransport(options);
    const client = createMetastoreClient(node.transport);
    await client.createVolume({ pageSize: 512 });
    const once = node.stats();
    await client.createVolume({ vid: new Uint8Array(100_000), pageSize: 512 });
    const twice = node.stats();
    expect([once.requests, twice.requests]).toEqual([1, 2]);
    expect(once.bytesSent).toBeGreaterThan(30);
    expect(once.bytesReceived).toBeGreaterThan(30);
    expect(twice.bytesSent - once.bytesSent).toBeGreaterThan(100_000);
    node.close();
  });

  test("requests that are sent compressed are understood", async () => {
    const node = createNodeTransport({
      baseUrl: server.url,
      clock: systemClock,
      sendCompression: "zstd",
    });
    const client = createMetastoreClient(node.transport);
    await client.createVolume({ vid: new Uint8Array(100_000), pageSize: 512 });
    expect(node.stats().bytesSent).toBeLessThan(2000);
    node.close();
  });

  test("a server that is not there is unavailable, and so is one that hangs up", async () => {
    const hangsUp = net.createServer((socket) => socket.destroy());
    const port = await new Promise<number>((resolve) => {
      hangsUp.listen(0, () => resolve((hangsUp.address() as net.AddressInfo).port));
    });
    for (const version of ["1.1", "2"] as const) {
      for (const baseUrl of ["http://127.0.0.1:1", `http://127.0.0.1:${port}`]) {
        const node = createNodeTransport({ baseUrl, clock: systemClock, httpVersion: version });
        const client = createMetastoreClient(node.transport);
        await expect(client.getSnapshot({})).rejects.toMatchObject({ code: "unavailable" });
        node.close();
      }
    }
    hangsUp.close();
  });
});

describe("shutdown", () => {
  test("lets running calls end, refuses new ones, and ends streams at the deadline", async () => {
    const own = await start();
    const node = createNodeTransport({ baseUrl: own.url, clock: systemClock });
    const client = createMetastoreClient(node.transport);
    const events = client.watch({ volumes: [{ vid: new Uint8Array(16) }] })[Symbol.asyncIterator]();
    await events.next();
    const startMs = systemClock.monotonicMs();
    const closed = own.close(300);
    await expect(events.next()).rejects.toMatchObject({ code: "unavailable" });
    await closed;
    const tookMs = systemClock.monotonicMs() - startMs;
    expect(tookMs).toBeGreaterThan(250);
    expect(tookMs).toBeLessThan(3000);
    await expect(client.createVolume({})).rejects.toMatchObject({ code: "unavailable" });
    node.close();
  });

  test("an idle server stops at once", async () => {
    const own = await start();
    const node = createNodeTransport({ baseUrl: own.url, clock: systemClock });
    await createMetastoreClient(node.transport).createVolume({ pageSize: 512 });
    const startMs = systemClock.monotonicMs();
    await own.close(10_000);
    expect(systemClock.monotonicMs() - startMs).toBeLessThan(2000);
    node.close();
  });
});

describe("memory that a raw route lends", () => {
  test("is given back once, after the answer was sent, and when its caller left", async () => {
    const body = new Uint8Array(2 * 1024 * 1024).fill(7);
    const headers = { "content-type": RAW_CONTENT_TYPE, "content-length": body.length };
    const options = { method: "POST", path: lendingRoute.path, headers };
    for (let time = 0; time < 3; time++)
      expect((await call(options, body)).body).toEqual(Buffer.from(body));
    const gone = http.request({ port: server.port, ...options }, (response) => response.destroy());
    gone.on("error", () => undefined);
    gone.end(body);
    await expect.poll(() => lending).toEqual({ lent: 4, released: 4 });
  });
});
