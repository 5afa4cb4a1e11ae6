import * as http2 from "node:http2";
import * as net from "node:net";
import { text } from "node:stream/consumers";
import { systemClock } from "@graft/core/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { type RunningServer, startServer } from "./server.ts";

const PATH = "/graft.metastore.v1.MetastoreService/CreateVolume";

let server: RunningServer;
const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);
beforeAll(async () => {
  process.on("uncaughtException", note);
  const means = { metrics: new MetricsRegistry(), log: silentLog, clock: systemClock };
  server = await startServer({ port: 0, routes: echoRoutes, ...means });
});
afterAll(async () => {
  process.off("uncaughtException", note);
  await server.close();
});

/** The answer to a request of HTTP/1, written by hand. */
async function write(head: readonly string[]): Promise<string> {
  const socket = net.connect(server.port, "127.0.0.1");
  const lines = [...head, "connection: close", "content-type: application/json"];
  socket.write(`${lines.join("\r\n")}\r\ncontent-length: 2\r\n\r\n{}`);
  return await text(socket);
}

async function statusOver2(authority: string): Promise<unknown> {
  const session = http2.connect(server.url);
  session.on("error", () => undefined);
  const stream = session.request({
    ":method": "POST",
    ":path": PATH,
    ":authority": authority,
    "content-type": "application/json",
  });
  stream.end("{}");
  const status = await new Promise((resolve) => {
    stream.on("response", (headers) => resolve(headers[":status"]));
    stream.on("error", () => resolve("reset"));
  });
  session.destroy();
  return status;
}

test.each([
  ["no host, in HTTP/1.0", `POST ${PATH} HTTP/1.0`],
  ["half an IPv6 address", `POST ${PATH} HTTP/1.1`, "host: ["],
  ["a space", `POST ${PATH} HTTP/1.1`, "host: a b"],
  ["an impossible port", `POST ${PATH} HTTP/1.1`, "host: a:99999"],
  ["a path", `POST ${PATH} HTTP/1.1`, "host: a/b"],
])("a request whose host is %s is refused, and the server lives on", async (_what, ...head) => {
  expect(await write(head)).toMatch(/^HTTP\/1\.1 400 /);
  expect(await write([`POST ${PATH} HTTP/1.1`, "host: a:3000"])).toMatch(/^HTTP\/1\.1 200 /);
  expect(uncaught).toEqual([]);
});

test("a request of HTTP/2 with such an authority is refused, and the server lives on", async () => {
  expect([400, "reset"]).toContain(await statusOver2("["));
  expect([400, "reset"]).toContain(await statusOver2("a:99999"));
  expect(await statusOver2("[::1]:3000")).toBe(200);
  expect(uncaught).toEqual([]);
});
