/** Connections that do nothing, answers that nobody takes, and uploads that hold all the room. */
import { once } from "node:events";
import * as http2 from "node:http2";
import * as net from "node:net";
import { systemClock } from "@graft/core/node";
import { describe, expect, test } from "vitest";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { RAW_CONTENT_TYPE } from "../raw/raw-route.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { type ServerOptions, startServer } from "./server.ts";

const MIB = 1024 * 1024;
const LARGE = "/metastore/v1/large";
const SLOW = "/metastore/v1/slow";
/** More than sockets of this machine hold on the way. */
const ANSWER_SIZE = 24 * MIB;

async function setUp(given: Partial<ServerOptions>) {
  const metrics = new MetricsRegistry();
  const gate = Promise.withResolvers<Uint8Array>();
  const server = await startServer({
    port: 0,
    routes: echoRoutes,
    rawRoutes: [
      { path: LARGE, handle: async () => new Uint8Array(ANSWER_SIZE) },
      { path: SLOW, handle: () => gate.promise },
    ],
    metrics,
    log: silentLog,
    clock: systemClock,
    ...given,
  });
  const sockets: net.Socket[] = [];
  const sessions: http2.ClientHttp2Session[] = [];
  return {
    server,
    gate,
    has: (line: string): boolean => metrics.render().includes(`\n${line}\n`),
    connect(): net.Socket {
      const socket = net.connect(server.port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
      return socket;
    },
    session(settings: http2.Settings = {}): http2.ClientHttp2Session {
      const session = http2.connect(server.url, { settings });
      session.on("error", () => undefined);
      sessions.push(session);
      return session;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      for (const session of sessions) session.destroy();
      gate.resolve(new Uint8Array(1));
      await server.close();
    },
  };
}

/** A whole request of HTTP/1.1, as bytes. */
function post(path: string): string {
  const facts = `content-type: ${RAW_CONTENT_TYPE}\r\ncontent-length: 1`;
  return `POST ${path} HTTP/1.1\r\nhost: x\r\n${facts}\r\n\r\na`;
}

async function isHealthy(socket: net.Socket): Promise<boolean> {
  socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  const [answer] = (await once(socket, "data")) as [Buffer];
  return answer.toString("latin1").startsWith("HTTP/1.1 200");
}

function request(session: http2.ClientHttp2Session, path: string): http2.ClientHttp2Stream {
  const headers = { ":method": "POST", ":path": path, "content-type": RAW_CONTENT_TYPE };
  const stream = session.request(headers);
  stream.on("error", () => undefined);
  stream.end(Uint8Array.of(1));
  return stream;
}

describe("a port with as many connections as there may be", () => {
  test("closes the one that is idle for longest for the next, and none that waits", async () => {
    await using all = await setUp({ connectionCountMax: 4 });
    const waiting = all.connect();
    waiting.write(post(SLOW));
    await expect.poll(() => all.has("graft_calls_in_flight 1")).toBe(true);
    const session = all.session();
    await once(session, "remoteSettings");
    const idle = [all.connect(), all.connect()] as const;
    for (const socket of idle) expect(await isHealthy(socket)).toBe(true);
    // Its request makes it the one that was idle last.
    expect(await isHealthy(idle[0])).toBe(true);
    for (const next of [session, idle[1], idle[0]]) {
      expect(next.destroyed).toBe(false);
      const gone = once(next, "close");
      const late = all.connect();
      expect(await isHealthy(late)).toBe(true);
      await gone;
      // From now on this one waits as well.
      late.write(post(SLOW));
      await expect.poll(() => late.bytesWritten).toBeGreaterThan(100);
    }
    await expect.poll(() => all.has("graft_calls_in_flight 4")).toBe(true);
    await once(all.connect(), "close");
    expect(waiting.destroyed).toBe(false);
    all.gate.resolve(new Uint8Array(1));
    const [answer] = (await once(waiting, "data")) as [Buffer];
    expect(answer.toString("latin1")).toContain("HTTP/1.1 200");
    expect(await isHealthy(all.connect())).toBe(true);
  });
});

describe("an answer that its reader does not take", () => {
  test("is given up over HTTP/1.1, also when it took long to make", async () => {
    await using all = await setUp({ untakenMs: 200 });
    const socket = all.connect();
    socket.pause();
    socket.write(post(SLOW));
    await expect.poll(() => all.has("graft_calls_in_flight 1")).toBe(true);
    // Nothing is queued: it is worked on, and its caller waits.
    await systemClock.sleep(600);
    expect(all.has("graft_calls_in_flight 1")).toBe(true);
    all.gate.resolve(new Uint8Array(ANSWER_SIZE));
    await expect.poll(() => all.has("graft_calls_in_flight 0"), { timeout: 20_000 }).toBe(true);
    expect(all.has("graft_answer_bytes_waiting 0")).toBe(true);
    socket.resume();
    await once(socket, "close");
    expect(socket.bytesRead).toBeLessThan(ANSWER_SIZE);
  });

  test("is given up over HTTP/2, and its connection goes on", async () => {
    await using all = await setUp({ untakenMs: 200 });
    const session = all.session();
    const stream = request(session, LARGE);
    stream.pause();
    await once(stream, "close");
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    await expect.poll(() => all.has("graft_calls_in_flight 0")).toBe(true);
    expect(all.has("graft_answer_bytes_waiting 0")).toBe(true);
    const next = session.request({ ":path": "/healthz" });
    const [headers] = (await once(next, "response")) as [http2.IncomingHttpHeaders];
    expect(headers[":status"]).toBe(200);
  });

  test("is not what an idle connection waits for: it stays open", async () => {
    await using all = await setUp({ untakenMs: 100 });
    const socket = all.connect();
    const session = all.session();
    expect(await isHealthy(socket)).toBe(true);
    await once(session, "remoteSettings");
    await systemClock.sleep(1000);
    expect(await isHealthy(socket)).toBe(true);
    const next = session.request({ ":path": "/healthz" });
    const [headers] = (await once(next, "response")) as [http2.IncomingHttpHeaders];
    expect(headers[":status"]).toBe(200);
  });

  test("is given to a reader that is slow, however long it takes", async () => {
    await using all = await setUp({ untakenMs: 1500 });
    const stream = request(all.session(), LARGE);
    let size = 0;
    const startMs = systemClock.monotonicMs();
    while (size < ANSWER_SIZE) {
      const chunk = stream.read() as Buffer | null;
      if (chunk === null) await once(stream, "readable");
      size += chunk?.length ?? 0;
      const wantedMs = (size / ANSWER_SIZE) * 6000;
      await systemClock.sleep(startMs + wantedMs - systemClock.monotonicMs());
    }
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThan(5000);
    expect(size).toBe(ANSWER_SIZE);
  });

  test("sends others away while too much of them waits, for no longer", async () => {
    const inFlight = { callCountMax: 100, sizeMax: 100 * MIB, answerSizeMax: MIB };
    await using all = await setUp({ untakenMs: 1000, inFlight });
    const stream = request(all.session(), LARGE);
    stream.pause();
    await expect.poll(() => all.has("graft_answer_bytes_waiting 0")).toBe(false);
    const ask = async (): Promise<number> => {
      const headers = { "content-type": "application/json" };
      const url = `${all.server.url}/graft.metastore.v1.MetastoreService/CreateVolume`;
      return (await fetch(url, { method: "POST", headers, body: "{}" })).status;
    };
    expect(await ask()).toBe(503);
    await expect.poll(ask, { timeout: 20_000 }).toBe(200);
  });
});
