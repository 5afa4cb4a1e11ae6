/** `buf curl`, which knows nothing of our protos and asks the server for them. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROTOCOLS, type Protocol } from "./contract.ts";
import { type GuardedServer, startGuardedServer } from "./guarded-server.ts";

const RUN_MS_MAX = 60_000;

let server: GuardedServer;
beforeAll(async () => {
  server = await startGuardedServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Answers what the call answers. */
async function call(protocol: Protocol, method: string, question: object): Promise<unknown> {
  const words = ["curl", "--protocol", protocol.replace("-", ""), "--http2-prior-knowledge"];
  const token = ["--header", `authorization: Bearer ${server.token}`];
  const target = ["--data", JSON.stringify(question), `${server.url}/${method}`];
  const { stdout } = await promisify(execFile)("buf", [...words, ...token, ...target], {
    timeout: RUN_MS_MAX,
  });
  return JSON.parse(stdout);
}

test.for(PROTOCOLS)("buf curl calls by reflection over %s", async (protocol) => {
  const kind = Buffer.of(0x80);
  const vid = Buffer.concat([kind, Buffer.alloc(6), randomBytes(9)]).toString("base64");
  const create = "graft.metastore.v1.MetastoreService/CreateVolume";
  expect(await call(protocol, create, { vid })).toEqual({ pageSize: 4096, created: true });
  const check = { service: "graft.pagestore.v1.PagestoreService" };
  const health = await call(protocol, "grpc.health.v1.Health/Check", check);
  expect(health).toEqual({ status: "SERVING" });
});
