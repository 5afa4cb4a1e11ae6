/**
 * Inline commits of one page over 32 volumes on a MinIO server, against what that server does of
 * conditional PUTs of the same size, 32 at a time, sent by the same S3 client from this process.
 */
import { randomUUID } from "node:crypto";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { type ObjectStore, openObjectStore } from "@graft/object-store";
import { startMinio } from "../../../scripts/minio.ts";
import type { BenchRow } from "../bench.ts";
import { startServer } from "../graft-child.ts";
import { median } from "../measure.ts";
import { callsASecond, type Pace } from "./closed-loop.ts";
import { commitLoad } from "./service-load.ts";

const VOLUMES = 32;

/** No rows where there is no MinIO. */
export async function measureDurableCommits(
  pace: Pace,
  note: (text: string) => void,
): Promise<readonly BenchRow[]> {
  const minio = await startMinio();
  if (minio === undefined) {
    note("durable commits: left out, there is no minio on PATH");
    return [];
  }
  note("durable commits");
  Object.assign(process.env, minio.credentials);
  const means = { clock: systemClock, random: systemRandom, fileSystem: nodeFileSystem };
  const { store } = await openObjectStore(minio.url, { ...means, env: process.env });
  try {
    await using server = await startServer(minio.url);
    return await compare(store, server.url, pace);
  } finally {
    await store.close();
    await minio.stop();
  }
}

async function compare(store: ObjectStore, url: string, pace: Pace): Promise<readonly BenchRow[]> {
  const load = await commitLoad(VOLUMES);
  const durationMs = 2 * pace.durationMs;
  const next = (client: number) => ({
    path: load.rawPath,
    contentType: "application/x-protobuf",
    body: load.body(client),
  });
  const port = Number(new URL(url).port);
  const commits = (): Promise<number> => callsASecond({ port, clients: VOLUMES, durationMs, next });
  // Warms up, and tells how large records are and what goes to the store beside them.
  await commits();
  const before = await storeTotals(url);
  const sizeBytes = Math.round(before.createdBytes / before.creates);
  await conditionalPuts(store, sizeBytes, 200);
  const rates: { puts: number; commits: number }[] = [];
  for (let round = 0; round < pace.rounds; round++) {
    rates.push({
      puts: await conditionalPuts(store, sizeBytes, durationMs),
      commits: await commits(),
    });
  }
  const after = await storeTotals(url);
  const name = `durable commits over ${VOLUMES} volumes`;
  return [
    {
      name: `${name}: MinIO alone, PUTs of ${sizeBytes} bytes`,
      value: median(rates.map(({ puts }) => puts)),
      unit: "PUTs/s",
    },
    {
      name: `${name}: raw route`,
      value: median(rates.map((rate) => rate.commits)),
      unit: "commits/s",
      ratio: median(rates.map((rate) => rate.commits / rate.puts)),
      baseline: "MinIO alone",
      budget: { min: 0.9 },
    },
    {
      name: `${name}: requests to MinIO a commit`,
      value: (after.requests - before.requests) / (after.commits - before.commits),
      unit: "requests",
    },
  ];
}

/** Create-only PUTs a second, of objects that are not there yet. */
async function conditionalPuts(
  store: ObjectStore,
  sizeBytes: number,
  durationMs: number,
): Promise<number> {
  const body = new Uint8Array(sizeBytes).fill(7);
  const prefix = `bench/${randomUUID()}`;
  let count = 0;
  const start = performance.now();
  const put = async (lane: number): Promise<void> => {
    for (let at = 0; performance.now() - start < durationMs; at++) {
      await store.create(`${prefix}/${lane}/${at}`, body);
      count++;
    }
  };
  await Promise.all(Array.from({ length: VOLUMES }, (_, lane) => put(lane)));
  return count / ((performance.now() - start) / 1000);
}

interface StoreTotals {
  readonly requests: number;
  readonly creates: number;
  readonly createdBytes: number;
  readonly commits: number;
}

/** What the server counted so far. */
async function storeTotals(url: string): Promise<StoreTotals> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const sumOf = (start: string): number => {
    const lines = metrics.split("\n").filter((line) => line.startsWith(start));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  };
  const requests = "graft_object_store_requests_total";
  return {
    requests: sumOf(requests),
    creates: sumOf(`${requests}{operation="create"`),
    createdBytes: sumOf('graft_object_store_bytes_total{operation="create",direction="sent"}'),
    commits: sumOf('graft_rpc_requests_total{rpc="/metastore/v1/commit",code="ok"}'),
  };
}
