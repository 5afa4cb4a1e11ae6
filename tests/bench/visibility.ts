/** From a write on A to a query on B that sees it: nobody pushes, nobody pulls. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { nodeFileSystem, systemClock } from "@graft/core/node";
import { FileObjectStore } from "@graft/object-store";
import type { Database } from "@graft/sqlite";
import type { Bench, BenchRow } from "./bench.ts";
import { median, percentile, time } from "./measure.ts";
import { openTwoReplicas } from "./two-replicas.ts";

/** Until the code of both sides and of the server is compiled. */
const CYCLES_BEFORE = 50;
const CYCLES = 300;
/** As a commit of one row. */
const PUT_SIZE = 1024;

export const visibilityBench: Bench = {
  name: "visibility",
  what: "write on A, both live: until a query on B answers with the new row, and a PUT beside it",
  async run({ directory, rttMs }): Promise<readonly BenchRow[]> {
    // A proxy that adds nothing still costs a millisecond or two.
    const way = rttMs === 0 ? "direct" : "proxied";
    await using pair = await openTwoReplicas(directory, rttMs, "auto", way);
    const { writer, reader } = pair;
    const put = openPut(join(directory, "put"));
    const insert = writer.prepare("INSERT INTO t(id, body) VALUES(?, ?)");
    await isLive(writer);
    await isLive(reader);
    const before = reader.traffic()?.requests ?? 0;
    const [times, puts]: [number[], number[]] = [[], []];
    for (let id = 1; id <= CYCLES_BEFORE + CYCLES; id++) {
      const putMs = await time(put);
      const seen = Promise.withResolvers<void>();
      const seenMs = await time(async () => {
        const end = reader.on("remote", () => {
          isThere(reader, id).then((isSo) => isSo && seen.resolve(), seen.reject);
        });
        await insert.run(id, `row ${id}`);
        await seen.promise;
        end();
      });
      if (id <= CYCLES_BEFORE) continue;
      puts.push(putMs);
      times.push(seenMs);
    }
    const putMs = median(puts);
    const requests = (reader.traffic()?.requests ?? 0) - before;
    return [
      { name: "write on A to answer on B, p50", value: median(times), unit: "ms" },
      { name: "write on A to answer on B, p99", value: percentile(times, 0.99), unit: "ms" },
      { name: "one conditional PUT, p50", value: putMs, unit: "ms" },
      {
        name: "beyond the PUT, p50",
        value: median(times) - putMs,
        unit: "ms",
        budget: { max: 10 },
      },
      {
        name: "beyond the PUT, p99",
        value: percentile(times, 0.99) - putMs,
        unit: "ms",
        budget: { max: 50 },
      },
      { name: "requests of B", value: requests, unit: "requests", budget: { max: 0 } },
    ];
  },
};

async function isThere(reader: Database, id: number): Promise<boolean> {
  return (await reader.prepare("SELECT body FROM t WHERE id = ?").get(id)) !== undefined;
}

async function isLive(db: Database): Promise<void> {
  while (db.status().sync?.connection !== "live") await systemClock.sleep(5);
}

/** What the server's object store takes for a commit at least. */
function openPut(directory: string): () => Promise<unknown> {
  const store = new FileObjectStore({ root: directory, fileSystem: nodeFileSystem });
  const bytes = randomBytes(PUT_SIZE);
  let count = 0;
  return () => store.create(`log/${count++}`, bytes);
}
