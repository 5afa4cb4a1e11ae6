/** Two servers over one store, each a process of its own, with `--notify probe`. */
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
import {
  createClients,
  fromCommitRequest,
  fromGetSnapshotRequest,
  type MetastoreClient,
  toGetSnapshotAnswer,
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
