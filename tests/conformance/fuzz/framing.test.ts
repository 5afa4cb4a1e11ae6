/**
 * What lies around the messages: envelopes, headers, HTTP itself. The port answers, or closes the
 * connection; it never stops serving others.
 */
import * as net from "node:net";
import { concatBytes } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seedOf } from "./fuzz-seed.ts";
import { mutate, noise } from "./mutate.ts";
import { envelope, type Framing, RpcCaller } from "./rpc-caller.ts";
import { type FuzzedMethod, type RpcSession, recordSession } from "./rpc-session.ts";

const ENVELOPES_PER_FRAMING = 150;
const HEADER_SETS_PER_FRAMING = 60;
const SOCKET_INPUTS = 400;
const SLOW_SOCKETS = 60;
const ANSWER_MS_MAX = 10_000;

let session: RpcSession;
let caller: RpcCaller;
let port = 0;

beforeAll(async () => {
  session = await recordSession(seedOf("framing"));
  caller = new RpcCaller(session.url);
  port = Number(new URL(session.url).port);
});
afterAll(async () => {
  caller[Symbol.dispose]();
  await session[Symbol.asyncDispose]();
});

function methodOf(name: string): FuzzedMethod {
  const found = session.methods.find(({ path }) => path.endsWith(`/${name}`));
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

/** One or two envelopes that lie about their flags or sizes, or are cut. */
function wrongEnvelope(message: Uint8Array, random: SeededRandom): Uint8Array {
  const flags = random.pick([0, 0, 1, 2, 3, 0x80, 0xff]);
  const size = random.pick([
    message.length,
    message.length,
    message.length + 1,
    Math.max(0, message.length - 1),
    0,
    32 * 1024 * 1024 + 1,
    0x7fff_ffff,
    0xffff_ffff,
  ]);
  const one = envelope(message, flags, size);
  const kind = random.integer(0, 4);
  if (kind === 0) return one.slice(0, random.integer(0, one.length));
  if (kind === 1) return concatBytes([one, envelope(message)]);
  return kind === 2 ? mutate(one, random, [one]) : one;
}

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  "content-encoding": ["gzip", "zstd", "br", "identity", "", "gzip, gzip", "x".repeat(2000)],
  "grpc-encoding": ["gzip", "zstd", "snappy", "identity"],
  "grpc-timeout": ["1S", "0n", "99999999H", "-1S", "abc", "1", "999999999999999999S"],
  "connect-timeout-ms": ["0", "1", "-5", "abc", "99999999999", "1e9"],
  "connect-protocol-version": ["1", "2", "", "x"],
  "content-type": [
    "application/json",
    "application/grpc",
    "application/grpc+json",
    "application/grpc-web-text",
    "text/plain",
    "application/proto; charset=utf-8",
    "",
  ],
  "grpc-accept-encoding": ["zstd,gzip", "x".repeat(4000)],
  authorization: ["Bearer ", `Bearer ${"x".repeat(6000)}`, "Basic Og==", "\u00ff"],
  "x-user-agent": ["\t"],
};

function wrongHeaders(random: SeededRandom): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (let count = random.integer(1, 4); count > 0; count--) {
    const name = random.pick(Object.keys(HEADERS));
    chosen[name] = random.pick(HEADERS[name] ?? [""]);
  }
  return chosen;
}

/** What it came to, as long as it came to something. */
async function settled(call: Promise<unknown>): Promise<"answered" | "cut"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer and no end")), ANSWER_MS_MAX);
  });
  const ended = call.then(
    () => "answered" as const,
    (error: Error) => {
      // What an answer says is read strictly: an error of ours is one.
      if (error instanceof SyntaxError) throw error;
      return "cut" as const;
    },
  );
  return await Promise.race([ended, late]).finally(() => clearTimeout(timer));
}

describe("around the messages", () => {
  test.each(["grpc", "grpc-web", "connect"] as const)(
    "%s: envelopes that lie are answered or cut",
    async (framing: Framing) => {
      const random = new SeededRandom(seedOf(`envelope ${framing}`));
      // Connect has envelopes in its streams only.
      const names =
        framing === "connect" ? ["StreamPages", "Watch"] : ["Commit", "ReadPages", "StreamPages"];
      let answered = 0;
      for (let at = 0; at < ENVELOPES_PER_FRAMING; at++) {
        const method = methodOf(random.pick(names));
        const message = at % 4 === 0 ? noise(random) : random.pick(method.recorded);
        const body = wrongEnvelope(message, random);
        const { path, isStream } = method;
        if ((await settled(caller.call(path, framing, body, { isStream }))) === "answered")
          answered++;
      }
      expect(answered).toBeGreaterThan(ENVELOPES_PER_FRAMING / 3);
      await session.mustBeHealthy();
    },
  );

  test.each(["grpc", "grpc-web", "connect", "raw"] as const)(
    "%s: headers that lie are answered or cut",
    async (framing: Framing) => {
      const random = new SeededRandom(seedOf(`headers ${framing}`));
      for (let at = 0; at < HEADER_SETS_PER_FRAMING; at++) {
        const method = methodOf(random.pick(["Commit", "ReadPages", "PullGraft"]));
        const message = random.pick(method.recorded);
        const isPlain = framing === "raw" || framing === "connect";
        const path = framing === "raw" ? (method.rawPath ?? "") : method.path;
        const body = isPlain ? message : envelope(message);
        await settled(caller.call(path, framing, body, { headers: wrongHeaders(random) }));
      }
      await session.mustBeHealthy();
    },
  );

  test("bytes that are no HTTP, in either version, end the connection and nothing else", async () => {
    const random = new SeededRandom(seedOf("sockets"));
    const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const settings = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
    const request = new TextEncoder().encode(
      "POST /metastore/v1/snapshot HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n" +
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    const seeds = [concatBytes([preface, settings]), request];
    for (let at = 0; at < SOCKET_INPUTS; at += 20) {
      await Promise.all(
        Array.from({ length: 20 }, () => {
          const kind = random.integer(0, 3);
          const tail = kind === 0 ? noise(random) : mutate(random.pick(seeds), random, seeds);
          return sendAndLeave(kind === 1 ? concatBytes([preface, noise(random)]) : tail);
        }),
      );
    }
    await session.mustBeHealthy();
  });

  test("sixty bodies that never come hold nobody up", async () => {
    const sockets = Array.from({ length: SLOW_SOCKETS }, (_, at) => {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      const isRaw = at % 2 === 0;
      const path = isRaw ? "/metastore/v1/commit" : methodOf("Commit").path;
      const type = isRaw ? "application/x-protobuf" : "application/proto";
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 30000000\r\n\r\nabc`,
      );
      return socket;
    });
    const before = process.memoryUsage().rss;
    await session.mustBeHealthy();
    // Nothing was set aside for the 1.8 GB that they announced.
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    for (const socket of sockets) socket.destroy();
    await session.mustBeHealthy();
  });
});

/** Sends, and leaves after the first answer or a moment. */
function sendAndLeave(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    const leave = (): void => {
      socket.destroy();
      resolve();
    };
    socket.setTimeout(40, leave);
    socket.on("data", leave);
    socket.on("error", leave);
    socket.on("close", leave);
    socket.write(bytes);
  });
}
