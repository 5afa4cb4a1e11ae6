/** A server on a network that it does not trust: TLS, pages of other origins, callers' limits. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import * as tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { isGraftError } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { Health } from "@graft/proto-gen/health";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMetastoreClient } from "../client-transport.ts";
import { getRetryAfterMs, saysNothingWritten } from "../error-mapping.ts";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { RAW_CONTENT_TYPE } from "../raw/raw-route.ts";
import { envelopeOf, type StreamRoute } from "../raw/stream-route.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { certificateFiles } from "./certificate-files.ts";
import { createNodeTransport } from "./client-transport.ts";
import type { EdgeOptions } from "./edge.ts";
import { type RunningServer, startServer } from "./server.ts";

const CREATE_VOLUME = "/graft.metastore.v1.MetastoreService/CreateVolume";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "graft-edge-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function serve(
  edge: EdgeOptions,
  streamRoutes: readonly StreamRoute[] = [],
): Promise<RunningServer & AsyncDisposable> {
  const means = { metrics: new MetricsRegistry(), log: silentLog, clock: systemClock };
  const server = await startServer({ port: 0, routes: echoRoutes, streamRoutes, edge, ...means });
  return { ...server, [Symbol.asyncDispose]: () => server.close() };
}

/** A new certificate of this machine, signed by itself. */
function makeCertificate(name: string) {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  const files = ["-keyout", key, "-out", cert, "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, ...files], { stdio: "ignore" });
  return { cert, key, ca: readFileSync(cert, "utf8") };
}

describe("TLS", () => {
  test("one port speaks HTTP/2 and HTTP/1.1, to each client that trusts its certificate", async () => {
    const { ca, ...paths } = makeCertificate("server");
    await using server = await serve({ certificate: certificateFiles(paths) });
    expect(server.url).toMatch(/^https:/);
    for (const httpVersion of ["2", "1.1"] as const) {
      const means = { baseUrl: server.url, clock: systemClock, httpVersion };
      const trusting = createNodeTransport({ ...means, ca });
      const client = createMetastoreClient(trusting.transport);
      expect(await client.createVolume({ pageSize: 512 })).toMatchObject({ pageSize: 512 });
      trusting.close();
      const doubting = createNodeTransport(means);
      const call = createMetastoreClient(doubting.transport).createVolume({ pageSize: 512 });
      await expect(call).rejects.toMatchObject({ code: "unavailable" });
      doubting.close();
    }
    const stock = new grpc.Client(
      `localhost:${server.port}`,
      grpc.credentials.createSsl(Buffer.from(ca)),
    );
    await new Promise<void>((resolve, reject) =>
      stock.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
    );
    stock.close();
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const url = `https://localhost:${server.port}/healthz`;
      https.get(url, { ca }, ({ statusCode }) => resolve(statusCode)).on("error", reject);
    });
    expect(answer).toBe(200);
  });

  test("a peer that speaks no TLS is dropped, and one that says nothing harms nobody", async () => {
    const { ca, ...paths } = makeCertificate("strict");
    await using server = await serve({ certificate: certificateFiles(paths) });
    const silent = net.connect(server.port, "127.0.0.1");
    const plain = net.connect(server.port, "127.0.0.1");
    plain.on("error", () => undefined);
    plain.end("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    expect(await text(plain).catch(() => "")).not.toContain("200");
    const trusting = http2.connect(server.url, { ca });
    const stream = trusting.request({ ":path": "/healthz" });
    expect(await text(stream)).toBe("ok\n");
    trusting.destroy();
    silent.destroy();
  });

  test("a certificate that is replaced is used at the next SIGHUP; half a pair is not", async () => {
    const { cert, key } = makeCertificate("first");
    await using server = await serve({ certificate: certificateFiles({ cert, key }) });
    expect(await commonNameOf(server)).toBe("first");
    const second = makeCertificate("second");
    renameSync(second.cert, cert);
    process.emit("SIGHUP", "SIGHUP");
    expect(await commonNameOf(server)).toBe("first");
    renameSync(second.key, key);
    process.emit("SIGHUP", "SIGHUP");
    expect(await commonNameOf(server)).toBe("second");
  });

  test("a certificate that cannot be used is a clear error at the start", async () => {
    const [one, other] = [makeCertificate("one"), makeCertificate("other")];
    const mixed = certificateFiles({ cert: one.cert, key: other.key });
    await expect(serve({ certificate: mixed })).rejects.toThrow("cannot be used");
    const missing = certificateFiles({ cert: join(folder, "none"), key: one.key });
    await expect(serve({ certificate: missing })).rejects.toThrow("cannot read");
  });
});

function commonNameOf({ port }: RunningServer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe("pages of other origins", () => {
  const ORIGIN = "https://app.example";

  function preflight(server: RunningServer, origin: string): Promise<Response> {
    const headers = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,connect-protocol-version,authorization",
    };
    return fetch(`${server.url}${CREATE_VOLUME}`, { method: "OPTIONS", headers });
  }

  function post(server: RunningServer, path: string, headers: Record<string, string>) {
    const method = "POST";
    return fetch(`${server.url}${path}`, { method, headers, body: '{"pageSize":512}' });
  }

  test("may call when they are on the list, and need not ask again for two hours", async () => {
    await using server = await serve({ corsOrigins: [ORIGIN, "https://other.example"] });
    const asked = await preflight(server, ORIGIN);
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    expect(asked.headers.get("access-control-max-age")).toBe("7200");
    expect(asked.headers.get("vary")).toBe("Origin");
    expect(asked.headers.get("access-control-allow-methods")).toContain("POST");
    const allowed = asked.headers.get("access-control-allow-headers")?.toLowerCase();
    for (const name of ["authorization", "content-type", "connect-timeout-ms", "x-grpc-web"]) {
      expect(allowed).toContain(name);
    }
    const json = { origin: ORIGIN, "content-type": "application/json" };
    const answered = await post(server, CREATE_VOLUME, json);
    expect(await answered.json()).toMatchObject({ pageSize: 512 });
    expect(answered.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    const exposed = answered.headers.get("access-control-expose-headers")?.toLowerCase();
    for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"]) {
      expect(exposed).toContain(name);
    }
  });

  test("may read errors as well, in gRPC-Web and on streams too", async () => {
    await using server = await serve({ corsOrigins: [ORIGIN] });
    const types = ["application/json", "application/grpc-web+proto", "application/connect+json"];
    for (const type of types) {
      for (const path of [CREATE_VOLUME, "/graft.metastore.v1.MetastoreService/Watch", "/none"]) {
        const answered = await post(server, path, { origin: ORIGIN, "content-type": type });
        expect(answered.headers.get("access-control-allow-origin")).toBe(ORIGIN);
        await answered.body?.cancel();
      }
    }
  });

  test("of another origin are told nothing that lets them read an answer", async () => {
    await using server = await serve({ corsOrigins: [ORIGIN] });
    for (const origin of ["https://evil.example", "https://app.example.evil", "null"]) {
      const asked = await preflight(server, origin);
      expect(asked.status).toBe(403);
      expect(asked.headers.get("access-control-allow-origin")).toBeNull();
      const json = { origin, "content-type": "application/json" };
      const answered = await post(server, CREATE_VOLUME, json);
      expect(answered.headers.get("access-control-allow-origin")).toBeNull();
      expect(answered.headers.get("vary")).toBe("Origin");
    }
  });

  test("without a list nobody is told anything", async () => {
    await using server = await serve({});
    const asked = await preflight(server, ORIGIN);
    expect(asked.headers.get("access-control-allow-origin")).toBeNull();
    expect(asked.headers.get("vary")).toBeNull();
  });
});

describe("a caller that does too much", () => {
  test("is told when to come again, in every protocol, and the health check is answered", async () => {
    // One call at a time, and then none for most of a minute: however slow the machine is.
    await using server = await serve({ limits: { requestsPerSecond: 0.02 } });
    const node = createNodeTransport({ baseUrl: server.url, clock: systemClock });
    const client = createMetastoreClient(node.transport);
    await client.createVolume({ pageSize: 512 });
    const error = await client.createVolume({}).catch((caught: unknown) => caught);
    if (!isGraftError(error)) throw new Error("expected a refusal", { cause: error });
    expect(error.code).toBe("unavailable");
    expect(saysNothingWritten(error)).toBe(true);
    expect(getRetryAfterMs(error)).toBeGreaterThan(0);
    const raw = await fetch(`${server.url}/metastore/v1/none`, {
      method: "POST",
      headers: { "content-type": RAW_CONTENT_TYPE },
      body: new Uint8Array(1),
    });
    expect(raw.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    const stock = createClient(Health, createGrpcTransport({ baseUrl: server.url }));
    await expect(stock.check({})).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    const watching = client.watch({ volumes: [] })[Symbol.asyncIterator]();
    await expect(watching.next()).rejects.toMatchObject({ code: "unavailable" });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    node.close();
  });

  test("has so many streams open, and may open another when one has ended", async () => {
    await using server = await serve({ limits: { openCalls: 2 } });
    const node = createNodeTransport({ baseUrl: server.url, clock: systemClock });
    const client = createMetastoreClient(node.transport);
    const open = async (gone: AbortController) => {
      const request = { volumes: [{ vid: new Uint8Array(16) }] };
      const events = client.watch(request, { signal: gone.signal })[Symbol.asyncIterator]();
      await events.next();
      return events;
    };
    const gone = [new AbortController(), new AbortController(), new AbortController()] as const;
    const first = await open(gone[0]);
    await open(gone[1]);
    await expect(open(gone[2])).rejects.toMatchObject({ code: "unavailable" });
    gone[0].abort(new Error("enough"));
    await first.next().catch(() => undefined);
    await expect
      .poll(() =>
        open(gone[2]).then(
          () => "open",
          () => "refused",
        ),
      )
      .toBe("open");
    node.close();
  });

  test("owes the bytes of a stream, all of them", async () => {
    const path = "/graft.test.v1.Stream/Tell";
    const answer: StreamRoute["answer"] = async (_body, sink) => {
      for (let at = 0; at < 10; at++) sink.send(envelopeOf(new Uint8Array(10_000)));
    };
    await using server = await serve({ limits: { bytesPerSecond: 1000 } }, [{ path, answer }]);
    const call = () =>
      fetch(`${server.url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/connect+proto" },
        body: new Uint8Array(envelopeOf(new Uint8Array(1))),
      });
    expect((await (await call()).arrayBuffer()).byteLength).toBeGreaterThan(100_000);
    // A hundred seconds' worth; the first message alone would be forgotten after ten.
    const refused = await call();
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(10);
    await refused.arrayBuffer();
  });

  test("owes the bytes of its requests and answers", async () => {
    await using server = await serve({ limits: { bytesPerSecond: 10_000 } });
    const node = createNodeTransport({ baseUrl: server.url, clock: systemClock });
    const client = createMetastoreClient(node.transport);
    await client.createVolume({ vid: new Uint8Array(200_000) });
    const error = await client.createVolume({}).catch((caught: unknown) => caught);
    if (!isGraftError(error)) throw new Error("expected a refusal", { cause: error });
    expect(error.message).toContain("bytes a second");
    expect(getRetryAfterMs(error)).toBeGreaterThan(10_000);
    node.close();
  });

  test("is known behind a proxy by what the proxy says", async () => {
    await using server = await serve({ limits: { requestsPerSecond: 1 }, trustsProxy: true });
    const call = async (address: string): Promise<number> => {
      const headers = { "content-type": "application/json", "x-forwarded-for": address };
      const url = `${server.url}${CREATE_VOLUME}`;
      return (await fetch(url, { method: "POST", headers, body: "{}" })).status;
    };
    for (let at = 0; at < 5; at++) expect(await call(`6.6.6.${at}, 203.0.113.7`)).toBe(200);
    expect(await call("6.6.6.6, 203.0.113.7")).toBe(503);
    expect(await call("6.6.6.6, 203.0.113.8")).toBe(200);
  });
});
