/** Two servers over one store, each a process of its own, with `--notify probe` or hints. */
import {
  createClientId,
  createCommitId,
  createVolumeId,
  PAGE_SIZE_DEFAULT,
  toLsn,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { encodeFrame } from "@graft/format";
import { NATS_PROGRAM, NatsServer } from "@graft/metastore/testing";
import {
  createClients,
  fromCommitRequest,
  fromGetSnapshotRequest,
  fromWatchRequest,
  type MetastoreClient,
  toGetSnapshotAnswer,
  toWatchEvent,
} from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";
import { describe, expect, test } from "vitest";
import { type GraftServer, runGraft, startGraft } from "../testing/run-graft.ts";
import { createTemporaryFolder } from "../testing/temporary-folder.ts";

const IDS = { clock: systemClock, random: systemRandom };
const VOLUME_ID = createVolumeId(IDS);
const COMMIT_COUNT = 12;
const S3_URL = process.env.GRAFT_TEST_S3_URL ?? "";

describe("two servers over one store", () => {
  test("on files: each answers at once what the other committed", async () => {
    using folder = createTemporaryFolder();
    await commitInTurn(`file:${folder.at("store")}`);
  });

  test.skipIf(S3_URL === "")("on S3: each answers at once what the other committed", async () => {
    const url = new URL(S3_URL);
    url.pathname += `/several-nodes-${Date.now()}`;
    await commitInTurn(url.href);
  });

  test.skipIf(NATS_PROGRAM === "")(
    "over NATS a watcher of one is told of the other's",
    async () => {
      using folder = createTemporaryFolder();
      await using nats = await NatsServer.start();
      const words = ["serve", "--port", "0", "--store", `file:${folder.at("store")}`];
      // NATS may come later than the servers.
      await nats.kill();
      await using one = await startGraft([...words, "--notify", nats.url]);
      await using two = await startGraft([...words, "--notify", nats.url]);
      const [a, b] = [connect(one), connect(two)];
      try {
        await commit(a.metastore, 1);
        expect(await latest(b.metastore)).toBe(1n);
        const told = watch(b.metastore);
        await nats.start();
        await Promise.all([hearing(one), hearing(two)]);
        const delays: number[] = [];
        for (let lsn = 2; lsn <= COMMIT_COUNT; lsn++) {
          await commit(a.metastore, lsn);
          const startMs = performance.now();
          await told(BigInt(lsn));
          delays.push(performance.now() - startMs);
        }
        delays.sort((x, y) => x - y);
        // A probe would take 200 ms.
        expect(delays[Math.floor(delays.length / 2)]).toBeLessThan(100);
        await nats.kill();
        await commit(a.metastore, COMMIT_COUNT + 1);
        await told(BigInt(COMMIT_COUNT + 1));
      } finally {
        a.close();
        b.close();
      }
    },
  );

  test("--notify takes none, probe or a place of NATS, and nothing else", async () => {
    const run = await runGraft(["serve", "--port", "0", "--store", "memory:", "--notify", "maybe"]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('is "maybe": expected none, probe or nats://');
  });
});

async function commitInTurn(store: string): Promise<void> {
  const words = ["serve", "--port", "0", "--store", store, "--notify", "probe"];
  const env = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", ...awsVariables() };
  await using one = await startGraft(words, { env });
  await using two = await startGraft(words, { env });
  const [a, b] = [connect(one), connect(two)];
  try {
    for (let lsn = 1; lsn <= COMMIT_COUNT; lsn++) {
      await commit(lsn % 2 === 0 ? a.metastore : b.metastore, lsn);
      for (const { metastore } of [a, b]) expect(await latest(metastore)).toBe(BigInt(lsn));
    }
  } finally {
    a.close();
    b.close();
  }
}

function awsVariables(): Readonly<Record<string, string>> {
  const known = Object.entries(process.env).filter(([name]) => name.startsWith("AWS_"));
  return Object.fromEntries(known.map(([name, value]) => [name, value ?? ""]));
}

function connect(server: GraftServer): { readonly metastore: MetastoreClient; close(): void } {
  const { transport, close } = createNodeTransport({ baseUrl: server.url, clock: systemClock });
  return { metastore: createClients(transport).metastore, close };
}

/** Reads a watcher's events; the answer waits until the volume is told to be at an LSN. */
function watch(metastore: MetastoreClient): (lsn: bigint) => Promise<void> {
  const volumes = [{ volumeId: VOLUME_ID, lsn: toLsn(1n) }];
  const request = fromWatchRequest({ volumes, heartbeatMs: 15_000, omitPages: true });
  const events = metastore.watch(request)[Symbol.asyncIterator]();
  let newest = 1n;
  return async (lsn) => {
    while (newest < lsn) {
      const { value } = await events.next();
      const event = toWatchEvent(value);
      if (event?.kind === "news") newest = event.snapshot.lsn;
    }
  };
}

/** Resolves once the server has its bus. */
async function hearing({ url }: GraftServer): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (metrics.includes("graft_notify_hearing 1")) return;
    await systemClock.sleep(20);
  }
  throw new Error(`${url} does not hear hints`);
}

async function latest(metastore: MetastoreClient): Promise<bigint> {
  const answer = await metastore.getSnapshot(fromGetSnapshotRequest({ volumeId: VOLUME_ID }));
  return toGetSnapshotAnswer(answer).lsn;
}

async function commit(metastore: MetastoreClient, lsn: number): Promise<void> {
  const data = new Uint8Array(PAGE_SIZE_DEFAULT).fill(lsn);
  const context = { volumeId: VOLUME_ID, pageSize: PAGE_SIZE_DEFAULT };
  const frame = await encodeFrame([{ index: toPageIndex(1), data }], context, nodeCompute);
  await metastore.commit(
    fromCommitRequest({
      volumeId: VOLUME_ID,
      clientId: createClientId(IDS),
      ...(lsn === 1 ? {} : { baseLsn: toLsn(BigInt(lsn - 1)) }),
      pageCount: toPageCount(1),
      lowPageCount: toPageCount(1),
      pageSize: PAGE_SIZE_DEFAULT,
      segments: [],
      inlineFrames: [frame],
      commitId: createCommitId(systemRandom),
    }),
  );
}
