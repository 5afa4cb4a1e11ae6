/** Requests that announce much and send little, or more than there is room for, over HTTP/2. */
import { once } from "node:events";
import * as http2 from "node:http2";
import { buffer } from "node:stream/consumers";
import { fromBinary } from "@bufbuild/protobuf";
import { GraftError, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { GraftErrCode, GraftErrSchema } from "@graft/proto-gen/common";
import { describe, expect, test } from "vitest";
import type { Authenticate } from "../interceptors/auth.ts";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { RAW_CONTENT_TYPE } from "../raw/raw-route.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { startServer } from "./server.ts";

const MIB = 1024 * 1024;
const CREATE_VOLUME = "/graft.metastore.v1.MetastoreService/CreateVolume";
const WATCH = "/graft.metastore.v1.MetastoreService/Watch";
const RAW = "/metastore/v1/echo";

async function setUp(authenticate: Authenticate = () => undefined, settings: http2.Settings = {}) {
  const metrics = new MetricsRegistry();
  const server = await startServer({
    port: 0,
    routes: echoRoutes,
    rawRoutes: [{ path: RAW, handle: async (body) => body }],
    streamRoutes: [{ path: WATCH, answer: async () => undefined }],
    inFlight: { callCountMax: 100, sizeMax: 3 * MIB },
    authenticate,
    metrics,
    log: silentLog,
    clock: systemClock,
  });
  const session = http2.connect(server.url, { settings });
  session.on("error", () => undefined);
  return {
    session,
    has: (line: string): boolean => metrics.render().includes(line),
    async [Symbol.asyncDispose]() {
      session.destroy();
      await server.close();
    },
  };
}

/** Begins a request that is never ended. */
function post(
  session: http2.ClientHttp2Session,
  path: string,
  headers: http2.OutgoingHttpHeaders = {},
): http2.ClientHttp2Stream {
  const all = { ":method": "POST", ":path": path, "content-type": RAW_CONTENT_TYPE, ...headers };
  const stream = session.request(all, { endStream: false });
  stream.on("error", () => undefined);
  return stream;
}

/** A whole answer: it ends also when its request does not. */
async function answerOf(stream: http2.ClientHttp2Stream) {
  const told: http2.IncomingHttpHeaders = {};
  const note = (headers: http2.IncomingHttpHeaders): void => void Object.assign(told, headers);
  stream.on("response", note).on("trailers", note);
  const body = await buffer(stream);
  return { status: told[":status"], grpcStatus: told["grpc-status"], body };
}

describe("a request that announces much and sends nothing", () => {
  test.each([
    ["", {}],
    [", also when nobody takes the answer", { initialWindowSize: 0 }],
  ])("holds no room once it was refused%s", async (_, settings) => {
    await using all = await setUp(() => {
      throw new GraftError("unauthenticated", "no token");
    }, settings);
    for (const [path, type, status] of [
      [RAW, RAW_CONTENT_TYPE, 401],
      [CREATE_VOLUME, "application/proto", 401],
      [CREATE_VOLUME, "application/grpc", 200],
    ] as const) {
      const headers = { "content-length": 20 * MIB, "content-type": type };
      const stream = post(all.session, path, headers);
      const [answer] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
      expect(answer[":status"]).toBe(status);
      await expect.poll(() => all.has("graft_call_bytes_in_flight 0")).toBe(true);
      expect(all.has("graft_calls_in_flight 0")).toBe(true);
      expect(stream.closed).toBe(false);
    }
  });

  test("holds none before, where it is more than a request may have", async () => {
    const gate = Promise.withResolvers<void>();
    await using all = await setUp(() => gate.promise);
    const most = { "content-length": REQUEST_BODY_SIZE_MAX + 1 };
    const raw = answerOf(post(all.session, RAW, most));
    const proto = { ...most, "content-type": "application/proto" };
    const connect = answerOf(post(all.session, CREATE_VOLUME, proto));
    const grpc = post(all.session, CREATE_VOLUME, { ...most, "content-type": "application/grpc" });
    const grpcAnswer = answerOf(grpc);
    grpc.write(Uint8Array.of(0, 0x02, 0, 0, 1));
    await expect.poll(() => all.has("graft_calls_in_flight 3")).toBe(true);
    expect(all.has("graft_call_bytes_in_flight 0")).toBe(true);
    gate.resolve();
    const { status, body } = await raw;
    expect(status).toBe(400);
    expect(fromBinary(GraftErrSchema, body)).toMatchObject({
      code: GraftErrCode.CLIENT,
      message: "invalid request body",
    });
    const refused = await connect;
    expect(refused.status).toBe(429);
    expect(refused.body.toString()).toContain("resource_exhausted");
    expect((await grpcAnswer).grpcStatus, "resource exhausted").toBe("8");
  });
});

describe("a request that becomes more than there is room for", () => {
  test("is told so on a raw route", async () => {
    await using all = await setUp();
    const large = post(all.session, RAW);
    large.write(new Uint8Array(2 * MIB));
    await expect.poll(() => all.has("graft_call_bytes_in_flight 2097152")).toBe(true);
    const second = post(all.session, RAW);
    second.write(new Uint8Array(2 * MIB));
    const { status, body } = await answerOf(second);
    expect(status).toBe(503);
    expect(fromBinary(GraftErrSchema, body).code).toBe(GraftErrCode.SERVICE_UNAVAILABLE);
  });

  test.each([0, 20])("is told so on a stream, its token checked within %d ms", async (ms) => {
    await using all = await setUp(() => systemClock.sleep(ms));
    const stream = post(all.session, WATCH, { "content-type": "application/connect+proto" });
    stream.write(new Uint8Array(2 * MIB));
    const { status, body } = await answerOf(stream);
    expect(status).toBe(200);
    expect(body.toString()).toContain("resource_exhausted");
  });
});
