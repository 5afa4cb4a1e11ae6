/** Compressed both ways, in each protocol; and messages that unpack to far more than they are. */
import * as http2 from "node:http2";
import { buffer } from "node:stream/consumers";
import * as zlib from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { CreateVolumeRequestSchema, MetastoreService } from "@graft/proto-gen/metastore";
import { describe, expect, test } from "vitest";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { envelopeOf } from "../raw/stream-route.ts";
import { COMPRESSIONS, type Compression } from "./compression.ts";
import type { InFlightLimits } from "./in-flight.ts";
import { startServer } from "./server.ts";

const MIB = 1024 * 1024;
const CREATE_VOLUME = "/graft.metastore.v1.MetastoreService/CreateVolume";
const HEALTH = "/grpc.health.v1.Health/Check";

/** A server whose answers are as large as the volume id it was sent, and wait for `gate`. */
async function setUp(inFlight?: InFlightLimits) {
  const metrics = new MetricsRegistry();
  let gate: Promise<void> = Promise.resolve();
  const server = await startServer({
    port: 0,
    routes: (router) =>
      router.service(MetastoreService, {
        createVolume: async ({ pageSize }) => {
          await gate;
          return { pageSize, created: true };
        },
        async *watch() {
          yield { event: { case: "end", value: { vid: new Uint8Array(100_000), message: "" } } };
        },
      }),
    inFlight,
    metrics,
    log: silentLog,
    clock: systemClock,
  });
  return {
    server,
    metrics,
    hold: (): (() => void) => {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return held.resolve;
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

const PROTOCOLS: Record<string, (baseUrl: string, compression: Compression) => Transport> = {
  Connect: (baseUrl, each) =>
    createConnectTransport({ ...optionsOf(baseUrl, each), httpVersion: "2" }),
  gRPC: (baseUrl, each) => createGrpcTransport(optionsOf(baseUrl, each)),
  "gRPC-Web": (baseUrl, each) =>
    createGrpcWebTransport({ ...optionsOf(baseUrl, each), httpVersion: "1.1" }),
};

function optionsOf(baseUrl: string, each: Compression) {
  return { baseUrl, sendCompression: each, acceptCompression: [each], compressMinBytes: 1 };
}

describe.each(Object.entries(PROTOCOLS))("%s", (_name, createTransport) => {
  test.each(Object.keys(COMPRESSIONS))("compresses both ways with %s", async (name) => {
    await using all = await setUp();
    const seen: string[] = [];
    const inner = COMPRESSIONS[name as keyof typeof COMPRESSIONS];
    const noting: Compression = {
      ...inner,
      compress: (bytes) => {
        seen.push("sent");
        return inner.compress(bytes);
      },
      decompress: (bytes, sizeMax) => {
        seen.push("received");
        return inner.decompress(bytes, sizeMax);
      },
    };
    const client = createClient(MetastoreService, createTransport(all.server.url, noting));
    for await (const { event } of client.watch({ volumes: [{ vid: new Uint8Array(1000) }] })) {
      expect(event).toMatchObject({ case: "end", value: { vid: new Uint8Array(100_000) } });
    }
    expect(seen).toEqual(["sent", "received"]);
    const vid = new Uint8Array(100_000);
    expect(await client.createVolume({ vid, pageSize: 512 })).toMatchObject({ pageSize: 512 });
  });
});

const BOMBS: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  br: (bytes) =>
    zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};

/** The status of a unary Connect call, sent as it is. */
async function post(url: string, path: string, encoding: string, body: Uint8Array) {
  const headers = { "content-type": "application/proto", "content-encoding": encoding };
  const answer = await fetch(`${url}${path}`, {
    method: "POST",
    headers,
    body: new Uint8Array(body),
  });
  return { status: answer.status, text: await answer.text() };
}

/** A message that unpacks to so many bytes: nearly all of them are one field. */
function messageOf(size: number): Uint8Array {
  const vid = new Uint8Array(size - 16);
  return toBinary(CreateVolumeRequestSchema, create(CreateVolumeRequestSchema, { vid }));
}

describe.each(Object.entries(BOMBS))("a message that %s unpacks", (encoding, pack) => {
  test("to more than a request may have is refused", async () => {
    await using all = await setUp();
    const bomb = pack(new Uint8Array(REQUEST_BODY_SIZE_MAX + 1));
    expect(bomb.length).toBeLessThan(100_000);
    const { status, text } = await post(all.server.url, CREATE_VOLUME, encoding, bomb);
    expect([status, text]).toMatchObject([429, expect.stringContaining("once decompressed")]);
    // What is not counted may be far smaller.
    const health = await post(all.server.url, HEALTH, encoding, pack(new Uint8Array(2 * MIB)));
    expect(health.status).toBe(429);
  });

  test("to something else is invalid", async () => {
    await using all = await setUp();
    const garbage = new Uint8Array(1000).fill(7);
    const { status } = await post(all.server.url, CREATE_VOLUME, encoding, garbage);
    expect(status).toBe(400);
  });
});

/** How long a busy machine may take. */
const SLOWEST = { timeout: 30_000 };

describe("what is counted of a request", () => {
  test("is what it unpacks to, until it was answered", async () => {
    await using all = await setUp({ callCountMax: 100, sizeMax: 3 * MIB });
    const { server, metrics, hold } = all;
    const release = hold();
    const packed = zlib.zstdCompressSync(messageOf(2 * MIB));
    const first = post(server.url, CREATE_VOLUME, "zstd", packed);
    await expect.poll(() => sizeNow(metrics), SLOWEST).toBeGreaterThan(2 * MIB - 100);
    const refused = await post(server.url, CREATE_VOLUME, "zstd", packed);
    expect(refused).toMatchObject({ status: 503, text: expect.stringContaining("retryAfterMs") });
    release();
    expect((await first).status).toBe(200);
    await expect.poll(() => sizeNow(metrics), SLOWEST).toBe(0);
  });

  test("is what arrives, where it did not say how much", async () => {
    await using all = await setUp({ callCountMax: 100, sizeMax: 3 * MIB });
    const { server, metrics, hold } = all;
    const release = hold();
    const session = http2.connect(server.url);
    session.on("error", () => undefined);
    const first = unannounced(session, CREATE_VOLUME, messageOf(2 * MIB));
    await expect.poll(() => sizeNow(metrics), SLOWEST).toBeGreaterThan(2 * MIB - 100);
    const second = unannounced(session, CREATE_VOLUME, messageOf(2 * MIB));
    expect(await second, "unavailable").toBe("14");
    const health = unannounced(session, HEALTH, new Uint8Array(2 * MIB));
    expect(await health, "resource exhausted").toBe("8");
    release();
    expect(await first).toBe("0");
    await expect.poll(() => sizeNow(metrics), SLOWEST).toBe(0);
    session.destroy();
  });
});

/** Sends a gRPC message in pieces, without saying how large it is. Answers gRPC's status. */
async function unannounced(
  session: http2.ClientHttp2Session,
  path: string,
  message: Uint8Array,
): Promise<unknown> {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc+proto",
    te: "trailers",
  });
  let status: unknown = "reset";
  const note = (headers: http2.IncomingHttpHeaders): void => {
    status = headers["grpc-status"] ?? status;
  };
  stream.on("response", note).on("trailers", note);
  const body = envelopeOf(message);
  for (let at = 0; at < body.length; at += 65_536) stream.write(body.subarray(at, at + 65_536));
  stream.end();
  await buffer(stream).catch(() => undefined);
  return status;
}

function sizeNow(metrics: MetricsRegistry): number {
  return Number(/graft_call_bytes_in_flight (\d+)/.exec(metrics.render())?.[1]);
}
