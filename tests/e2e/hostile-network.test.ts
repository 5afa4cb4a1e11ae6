/**
 * Everything at once that strangers do to a port on the open internet: the server, a process of its
 * own, keeps answering and stays within a fixed memory.
 */
import { once } from "node:events";
import * as http2 from "node:http2";
import * as net from "node:net";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { systemClock } from "@graft/core/node";
import { CommitRequestSchema } from "@graft/proto-gen/metastore";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServerChild, startServer } from "../bench/graft-child.ts";
import {
  connectRaw,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  postHeaders,
} from "../harness/raw-http2.ts";
import { until } from "../harness/until.ts";

const MIB = 1024 * 1024;
/**
 * A server at rest takes 130 MiB; 128 MiB of requests are worked on at once, and four of 32 MiB are
 * unpacked; ten thousand connections take 100 MiB. The rest is garbage that waits for its turn.
 */
const RESIDENT_SIZE_MAX: number = 1024 * MIB;
/** Health is asked all the while; on a loaded machine an answer may take long, but it comes. */
const HEALTH_TIMEOUT_MS = 30_000;
const IDLE_COUNT = 10_000;
const DRIBBLER_COUNT = 150;
/** They are cut after 15 s, or 5 s later; on a loaded machine later still. */
const CUT_TIMEOUT_MS = 120_000;
const COMMIT = "/graft.metastore.v1.MetastoreService/Commit";
const NO_BYTES = new Uint8Array(0);

let server: ServerChild;
let port: number;
const watch = { residentSizeMax: 0, healthCount: 0, failures: [] as unknown[], isOver: false };
let watching: Promise<void>;
const sockets = new Set<net.Socket>();
let dribblingStreams: readonly http2.ClientHttp2Stream[] = [];
let dribblingSession: http2.ClientHttp2Session | undefined;

beforeAll(async () => {
  server = await startServer("memory:");
  port = Number(new URL(server.url).port);
  watching = watchServer();
});
afterAll(async () => {
  watch.isOver = true;
  await watching;
  for (const socket of sockets) socket.destroy();
  await server[Symbol.asyncDispose]();
});

async function watchServer(): Promise<void> {
  while (!watch.isOver) {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
    try {
      const answer = await fetch(`${server.url}/healthz`, { signal });
      if (answer.status === 200) watch.healthCount++;
      else watch.failures.push(answer.status);
    } catch (error) {
      watch.failures.push(error);
    }
    watch.residentSizeMax = Math.max(watch.residentSizeMax, await server.residentSize());
    await systemClock.sleep(100);
  }
}

/** After each attack: nobody was left waiting, and the memory is within its bound. */
async function expectHealthy(): Promise<void> {
  const before = watch.healthCount;
  await until(() => watch.healthCount > before + 1, 2 * HEALTH_TIMEOUT_MS);
  expect(watch.failures).toEqual([]);
  expect(watch.residentSizeMax).toBeLessThan(RESIDENT_SIZE_MAX);
}

function connect(): net.Socket {
  const socket = net.connect(port, "127.0.0.1");
  sockets.add(socket);
  socket.on("error", () => undefined);
  socket.on("close", () => sockets.delete(socket));
  // What is not read never ends.
  socket.resume();
  return socket;
}

/** Sends a byte each second, as long as it is let. */
function dribble(socket: net.Socket, head: string): net.Socket {
  socket.write(head);
  const timer = setInterval(() => socket.write("a"), 1000);
  socket.on("close", () => clearInterval(timer));
  return socket;
}

describe("connections that give as little as they can", () => {
  const slow: net.Socket[] = [];

  test("ten thousand that say nothing, or half a word, leave room for others", async () => {
    const connected: Promise<unknown>[] = [];
    for (let at = 0; at < IDLE_COUNT; at++) {
      const socket = connect();
      if (at % 4 === 1) socket.write("GET /hea");
      if (at % 4 === 2) socket.write("PRI * HTTP/2");
      connected.push(Promise.race([once(socket, "connect"), once(socket, "close")]));
      if (at % 500 === 499) await Promise.all(connected.splice(0));
    }
    await expectHealthy();
  });

  test("headers and bodies that dribble do not keep others from being served", async () => {
    const body = `POST ${COMMIT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\n`;
    for (let at = 0; at < DRIBBLER_COUNT; at++) {
      slow.push(dribble(connect(), "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "));
      slow.push(dribble(connect(), `${body}content-length: 1000000\r\n\r\n`));
    }
    const session = http2.connect(server.url);
    session.on("error", () => undefined);
    const streams: http2.ClientHttp2Stream[] = [];
    for (let at = 0; at < DRIBBLER_COUNT; at++) {
      const headers = { ":method": "POST", ":path": COMMIT, "content-type": "application/proto" };
      const stream = session.request(headers, { endStream: false });
      stream.on("error", () => undefined).resume();
      const timer = setInterval(() => stream.writable && stream.write("a"), 1000);
      stream.on("close", () => clearInterval(timer));
      streams.push(stream);
    }
    await expectHealthy();
    // The rest of what is tested here happens meanwhile.
    dribblingStreams = streams;
    dribblingSession = session;
  });

  afterAll(() => dribblingSession?.destroy());

  test("what is said faster than it can be true is refused meanwhile", async () => {
    await attackMeanwhile();
    await expectHealthy();
  });

  test("all of them are cut in the end", async () => {
    await until(() => slow.every((socket) => socket.closed), CUT_TIMEOUT_MS);
    await until(() => dribblingStreams.every((stream) => stream.closed), CUT_TIMEOUT_MS);
    // Those that had said nothing have been cut as well, all of them.
    await until(() => sockets.size === 0, CUT_TIMEOUT_MS);
    await expectHealthy();
  });
});

async function attackMeanwhile(): Promise<void> {
  await oversizedHeaders();
  await rapidReset();
  await floods();
  await bombs();
}

async function oversizedHeaders(): Promise<void> {
  const socket = connect();
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${"a".repeat(100_000)}\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString("latin1")).toContain("HTTP/1.1 431");
  // A header block that never ends.
  const raw = track(connectRaw(port));
  raw.write(frame(FRAME.headers, END_STREAM, 1, postHeaders(COMMIT)));
  const more = Buffer.concat([
    Buffer.of(0x00, 1, 0x78, 0x7f, 0x81, 0x7e),
    Buffer.alloc(16_000, 97),
  ]);
  for (let at = 0; at < 200 && !raw.closed; at++) {
    if (!raw.write(frame(FRAME.continuation, 0, 1, more))) await drained(raw);
  }
  await until(() => raw.closed);
}

/** A request and its end, over and over: CVE-2023-44487. */
async function rapidReset(): Promise<void> {
  const attackers = Array.from({ length: 4 }, () => track(connectRaw(port)));
  const headers = postHeaders(COMMIT);
  const cancel = Buffer.from([0, 0, 0, 8]);
  for (let round = 0; round < 100; round++) {
    const frames: Buffer[] = [];
    for (let at = 0; at < 100; at++) {
      const stream = 2 * (round * 100 + at) + 1;
      frames.push(frame(FRAME.headers, END_HEADERS, stream, headers));
      frames.push(frame(FRAME.resetStream, 0, stream, cancel));
    }
    const bytes = Buffer.concat(frames);
    for (const raw of attackers) if (!raw.closed && !raw.write(bytes)) await drained(raw);
  }
  await until(() => attackers.every((raw) => raw.closed));
}

/** Frames that each want an answer, of which none is read. */
async function floods(): Promise<void> {
  const ping = frame(FRAME.ping, 0, 0, new Uint8Array(8));
  const settings = frame(FRAME.settings, 0, 0, NO_BYTES);
  for (const one of [ping, settings]) {
    const raw = track(connectRaw(port));
    raw.pause();
    const bytes = Buffer.concat(Array.from({ length: 2000 }, () => one));
    for (let at = 0; at < 100 && !raw.closed; at++) if (!raw.write(bytes)) await drained(raw);
    raw.destroy();
  }
}

/** Few bytes that are 32 MiB when unpacked; and some that are more. */
async function bombs(): Promise<void> {
  const vid = new Uint8Array(32 * MIB - 64);
  const zeros = toBinary(CommitRequestSchema, create(CommitRequestSchema, { vid }));
  const packed = { gzip: gzipSync(zeros), zstd: zstdCompressSync(zeros) };
  const over = gzipSync(new Uint8Array(64 * MIB));
  const post = async (encoding: string, body: Uint8Array): Promise<number> => {
    const headers = { "content-type": "application/proto", "content-encoding": encoding };
    const init = { method: "POST", headers, body: new Uint8Array(body) };
    return (await fetch(`${server.url}${COMMIT}`, init)).status;
  };
  const sent: Promise<number>[] = [];
  for (let at = 0; at < 8; at++) {
    sent.push(post("gzip", packed.gzip), post("zstd", packed.zstd), post("gzip", over));
  }
  // Invalid, too much, or too many at once.
  expect([400, 429, 503]).toEqual(expect.arrayContaining([...new Set(await Promise.all(sent))]));
}

function track(socket: net.Socket): net.Socket {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.resume();
  return socket;
}

/** It takes more, or is gone, or takes nothing for a while. */
async function drained(socket: net.Socket): Promise<void> {
  const gone = new AbortController();
  const { signal } = gone;
  const any = [
    once(socket, "drain", { signal }),
    once(socket, "close", { signal }),
    systemClock.sleep(1000, signal),
  ];
  await Promise.race(any).catch(() => undefined);
  gone.abort();
  await Promise.allSettled(any);
}
