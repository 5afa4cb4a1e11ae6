import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createClientId,
  createCommitId,
  createVolumeId,
  type Lsn,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import { nodeCompute, nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { encodeFrame } from "@graft/format";
import {
  type CommitAnswer,
  createMetastoreClient,
  fromCommitRequest,
  fromGetSnapshotRequest,
  fromWatchRequest,
  type MetastoreClient,
  silentLog,
  toCommitAnswer,
  toGetSnapshotAnswer,
  toWatchEvent,
} from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ServingMetastore, serveMetastore } from "./serve.ts";

const MEANS = {
  clock: systemClock,
  random: systemRandom,
  compute: nodeCompute,
  fileSystem: nodeFileSystem,
  env: {},
  log: silentLog,
};
const IDS = { clock: systemClock, random: systemRandom };
const pageSize = toPageSize(4096);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "graft-metastore-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function serve(): Promise<ServingMetastore> {
  const storeUrl = `file:${folder}/store`;
  const config = { host: "127.0.0.1", port: 0, storeUrl, logLevel: "silent" as const };
  return serveMetastore(config, MEANS);
}
function connect(url: string): Disposable & { client: MetastoreClient } {
  const { transport, close } = createNodeTransport({ baseUrl: url, clock: systemClock });
  return { client: createMetastoreClient(transport), [Symbol.dispose]: close };
}
async function commit(
  client: MetastoreClient,
  volumeId: VolumeId,
  base: Lsn | undefined,
): Promise<CommitAnswer> {
  const pages = [{ index: toPageIndex(1), data: new Uint8Array(4096).fill(Number(base ?? 0)) }];
  const request = fromCommitRequest({
    ...(base === undefined ? {} : { baseLsn: base }),
    volumeId,
    clientId: createClientId(IDS),
    commitId: createCommitId(systemRandom),
    pageSize,
    pageCount: toPageCount(1),
    lowPageCount: toPageCount(1),
    segments: [],
    inlineFrames: [await encodeFrame(pages, { volumeId, pageSize }, nodeCompute)],
  });
  return toCommitAnswer(await client.commit(request));
}

test("commits outlive the server, and the next one goes on from there", async () => {
  const volumeId = createVolumeId(IDS);
  {
    await using server = await serve();
    using connection = connect(server.url);
    await commit(connection.client, volumeId, undefined);
    await commit(connection.client, volumeId, toLsn(1n));
  }
  await using server = await serve();
  using connection = connect(server.url);
  const asked = await connection.client.getSnapshot(fromGetSnapshotRequest({ volumeId }));
  expect(toGetSnapshotAnswer(asked).lsn).toBe(2n);
  expect((await commit(connection.client, volumeId, toLsn(2n))).snapshot.lsn).toBe(3n);
});

test("a watcher on the network hears of a commit, and of the end of the server", async () => {
  const volumeId = createVolumeId(IDS);
  const server = await serve();
  using connection = connect(server.url);
  const volumes = [{ volumeId }];
  const request = fromWatchRequest({ volumes, heartbeatMs: 15_000, omitPages: false });
  const events = connection.client.watch(request)[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await events.next();
    return value && toWatchEvent(value);
  };
  expect(await next()).toMatchObject({ kind: "heartbeat" });
  await commit(connection.client, volumeId, undefined);
  expect(await next()).toMatchObject({ kind: "news", snapshot: { lsn: 1n } });
  const startMs = systemClock.monotonicMs();
  const closed = server[Symbol.asyncDispose]();
  expect(await next()).toEqual({ kind: "heartbeat", draining: true });
  expect((await events.next()).done).toBe(true);
  await closed;
  expect(systemClock.monotonicMs() - startMs).toBeLessThan(5000);
});

test("what was asked of the object store is counted in /metrics", async () => {
  await using server = await serve();
  using connection = connect(server.url);
  await commit(connection.client, createVolumeId(IDS), undefined);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toMatch(/graft_object_store_requests_total\{operation="create",kind="commit"\} 1$/m);
  expect(text).toContain(
    'graft_rpc_requests_total{rpc="graft.metastore.v1.MetastoreService/Commit",code="ok"} 1',
  );
  expect(text).toContain('graft_commits_total{outcome="committed"} 1');
});

test("a bucket that does not honour If-None-Match is refused, saying so", async () => {
  const objects = new Map<string, Buffer>();
  const bucket = createServer(async (request, response) => {
    const key = (request.url ?? "").split("?", 1)[0] ?? "";
    const body = Buffer.concat(await Array.fromAsync(request));
    if (request.method === "PUT") objects.set(key, body);
    if (request.method === "DELETE") objects.delete(key);
    response.setHeader("etag", '"x"');
    response.end(request.method === "GET" ? objects.get(key) : undefined);
  });
  bucket.listen(0, "127.0.0.1");
  await once(bucket, "listening");
  const { port } = bucket.address() as AddressInfo;
  const storeUrl = `s3://bucket/pre?endpoint=http://127.0.0.1:${port}&region=us-east-1`;
  const env = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };
  const config = { host: "127.0.0.1", port: 0, storeUrl, logLevel: "silent" as const };
  try {
    await expect(serveMetastore(config, { ...MEANS, env })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/4 of 4 racing create-only writes won.*If-None-Match/),
    });
  } finally {
    bucket.closeAllConnections();
    bucket.close();
  }
});

function run(env: Record<string, string>): ChildProcess {
  const main = join(import.meta.dirname, "main.ts");
  const clean = { PATH: process.env.PATH ?? "", ...env };
  return spawn(process.execPath, ["--conditions=@graft/source", main], { env: clean });
}
async function output(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

test("the process serves until SIGTERM, and ends well", async () => {
  const child = run({ GRAFT_STORE: `file:${folder}/store`, GRAFT_METASTORE_PORT: "0" });
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes("serving commits")) break;
  }
  const url = /"url":"([^"]+)"/.exec(text)?.[1] ?? "";
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  child.kill("SIGTERM");
  expect((await once(child, "exit"))[0]).toBe(0);
});

test.each([
  [{}, /GRAFT_STORE is not set/],
  [{ GRAFT_STORE: "memory:", GRAFT_METASTORE_PORT: "99999" }, /GRAFT_METASTORE_PORT is "99999"/],
  [{ GRAFT_STORE: "memory:", GRAFT_LOG_LEVEL: "loud" }, /GRAFT_LOG_LEVEL is "loud"/],
  [{ GRAFT_STORE: "ftp://x" }, /unknown object store/],
  [{ GRAFT_STORE: "memory:", GRAFT_NOTIFY: "nats://a b" }, /no place of NATS/],
])("a process set up with %j says what was expected and exits with 2", async (env, message) => {
  const child = run(env);
  const [errors, [code]] = await Promise.all([output(child.stderr), once(child, "exit")]);
  expect(errors).toMatch(message);
  expect(code).toBe(2);
});
