/** A server that works on as much as it may. */
import { once } from "node:events";
import * as net from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { type GraftError, isGraftError } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { GraftErrCode, GraftErrSchema } from "@graft/proto-gen/common";
import { Health } from "@graft/proto-gen/health";
import {
  CreateVolumeRequestSchema,
  CreateVolumeResponseSchema,
  MetastoreService,
} from "@graft/proto-gen/metastore";
import { describe, expect, test } from "vitest";
import { createMetastoreClient } from "../client-transport.ts";
import { getRetryAfterMs, saysNothingWritten } from "../error-mapping.ts";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { createRawRoute, RAW_CONTENT_TYPE } from "../raw/raw-route.ts";
import { createNodeTransport } from "./client-transport.ts";
import type { InFlightLimits } from "./in-flight.ts";
import { startServer } from "./server.ts";

const CREATE_VOLUME = "/graft.metastore.v1.MetastoreService/CreateVolume";

/** A server whose calls end when they are told to. */
async function setUp(inFlight: InFlightLimits, usualSize = 1000) {
  const stack = new AsyncDisposableStack();
  const metrics = new MetricsRegistry();
  const gates: (() => void)[] = [];
  const answer = async (): Promise<{ created: boolean }> => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate.resolve);
    await gate.promise;
    return { created: true };
  };
  const server = await startServer({
    port: 0,
    routes: (router) => router.service(MetastoreService, { createVolume: answer }),
    rawRoutes: [
      createRawRoute({
        path: "/metastore/v1/create",
        input: CreateVolumeRequestSchema,
        output: CreateVolumeResponseSchema,
        handle: answer,
      }),
    ],
    usualSizes: new Map([[CREATE_VOLUME, usualSize]]),
    inFlight,
    metrics,
    log: silentLog,
    clock: systemClock,
  });
  stack.defer(() => server.close());
  const { transport, close } = createNodeTransport({ baseUrl: server.url, clock: systemClock });
  stack.defer(close);
  const client = createMetastoreClient(transport);
  const owned = stack.move();
  return {
    client,
    server,
    metrics,
    gates,
    release: () => {
      for (const gate of gates.splice(0)) gate();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000 && !isSo(); tries++) await systemClock.sleep(5);
  expect(isSo()).toBe(true);
}

async function refusalOf(call: Promise<unknown>): Promise<GraftError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isGraftError(error)) throw new Error("expected a refusal", { cause: error });
  return error;
}

describe("a server that works on as much as it may", () => {
  test("sends more calls away, saying when to come again and that nothing was done", async () => {
    await using all = await setUp({ callCountMax: 2, sizeMax: 1_000_000 });
    const { client, gates, release, metrics } = all;
    const working = [client.createVolume({}), client.createVolume({})];
    await until(() => gates.length === 2);
    const refusal = await refusalOf(client.createVolume({}));
    expect(refusal.code).toBe("unavailable");
    expect(saysNothingWritten(refusal)).toBe(true);
    expect(getRetryAfterMs(refusal)).toBeGreaterThanOrEqual(250);
    expect(metrics.render()).toContain("graft_calls_in_flight 2");
    expect(metrics.render()).toContain("graft_calls_refused_total 1");
    release();
    await Promise.all(working);
    await until(() => metrics.render().includes("graft_calls_in_flight 0"));
    const next = client.createVolume({});
    await until(() => gates.length === 1);
    release();
    expect(await next).toMatchObject({ created: true });
  });

  test("counts what large requests weigh, and lets one in that is the only one", async () => {
    await using all = await setUp({ callCountMax: 100, sizeMax: 150_000 }, 100_000);
    const { client, gates, release } = all;
    const first = client.createVolume({});
    await until(() => gates.length === 1);
    expect((await refusalOf(client.createVolume({}))).code).toBe("unavailable");
    release();
    await first;
    await using small = await setUp({ callCountMax: 100, sizeMax: 10 }, 100_000);
    const alone = small.client.createVolume({});
    await until(() => small.gates.length === 1);
    small.release();
    await alone;
  });

  test("never sends a small call away because of large ones", async () => {
    await using all = await setUp({ callCountMax: 100, sizeMax: 150_000 }, 100_000);
    const { client, gates, release, server } = all;
    const large = client.createVolume({});
    await until(() => gates.length === 1);
    const small = fetch(`${server.url}/metastore/v1/create`, {
      method: "POST",
      headers: { "content-type": RAW_CONTENT_TYPE },
      body: new Uint8Array([0x18, 0x01]),
    });
    await until(() => gates.length === 2);
    release();
    expect((await small).status).toBe(200);
    await large;
  });

  test("says so in every protocol, and is healthy", async () => {
    await using all = await setUp({ callCountMax: 1, sizeMax: 1_000_000 });
    const { client, gates, release, server } = all;
    const working = client.createVolume({});
    await until(() => gates.length === 1);
    const grpc: readonly Transport[] = [
      createGrpcTransport({ baseUrl: server.url }),
      createGrpcWebTransport({ baseUrl: server.url, httpVersion: "1.1" }),
    ];
    for (const transport of grpc) {
      const refusal = await refusalOf(createMetastoreClient(transport).createVolume({}));
      expect(refusal.code).toBe("unavailable");
      expect(getRetryAfterMs(refusal)).toBeGreaterThanOrEqual(250);
      const health = await createClient(Health, transport).check({});
      expect(health.status).toBe(1);
    }
    const body = toBinary(CreateVolumeRequestSchema, create(CreateVolumeRequestSchema));
    const raw = await fetch(`${server.url}/metastore/v1/create`, {
      method: "POST",
      headers: { "content-type": RAW_CONTENT_TYPE },
      body: new Uint8Array([...body, 0x18, 0x01]),
    });
    expect(raw.status).toBe(503);
    const { code } = fromBinary(GraftErrSchema, new Uint8Array(await raw.arrayBuffer()));
    expect(code).toBe(GraftErrCode.SERVICE_UNAVAILABLE);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    release();
    await working;
  });

  test("has room again when a caller leaves", async () => {
    await using all = await setUp({ callCountMax: 1, sizeMax: 1_000_000 });
    const { client, gates, metrics } = all;
    const gone = new AbortController();
    const left = client.createVolume({}, { signal: gone.signal });
    await until(() => gates.length === 1);
    gone.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    await until(() => metrics.render().includes("graft_calls_in_flight 0"));
  });

  test("refuses before it has read a body", async () => {
    await using all = await setUp({ callCountMax: 1, sizeMax: 1_000_000 });
    const { client, gates, release, server } = all;
    const working = client.createVolume({});
    await until(() => gates.length === 1);
    const socket = net.connect(server.port, "127.0.0.1");
    const words = `content-type: ${RAW_CONTENT_TYPE}\r\ncontent-length: 8000000`;
    socket.write(`POST /metastore/v1/create HTTP/1.1\r\nhost: x\r\n${words}\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString("latin1")).toContain("HTTP/1.1 503");
    socket.destroy();
    release();
    await working;
  });
});
