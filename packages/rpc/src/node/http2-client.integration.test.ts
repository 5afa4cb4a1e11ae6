import { once } from "node:events";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { WideSessionManager } from "./http2-client.ts";

test("a request that begins just when the server says goodbye goes over a new connection, and nothing is uncaught", async () => {
  const sessions: http2.Http2Session[] = [];
  const server = http2.createServer((_, response) => response.end("here"));
  server.on("session", (session) => sessions.push(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const manager = new WideSessionManager(`http://127.0.0.1:${port}`, undefined, {});
  const ask = async (): Promise<http2.ClientHttp2Session | undefined> => {
    const stream = await manager.request("GET", "/", {}, {});
    const { session } = stream;
    stream.resume();
    await once(stream, "close");
    return session as http2.ClientHttp2Session | undefined;
  };
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  process.on("uncaughtException", note);
  const first = await ask();
  const again = Promise.withResolvers<Promise<unknown>>();
  // After Connect's own listener, which has destroyed the session and has not yet been told so.
  first?.on("goaway", () => again.resolve(ask()));
  sessions[0]?.goaway(http2.constants.NGHTTP2_NO_ERROR);
  const second = await await again.promise;
  await wait(20);
  expect(uncaught).toEqual([]);
  process.off("uncaughtException", note);
  expect(second === first, "over the old one").toBe(false);
  manager.abort();
  server.close();
});
