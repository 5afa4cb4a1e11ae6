/**
 * Bulk import of a database into a `file:` store, end to end, beside a plain copy that is synced.
 */
import { copyFileSync, fdatasyncSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Bench, BenchRow } from "./bench.ts";
import { createDataset, DATASET_DEFAULT } from "./dataset.ts";
import { type Imported, runGraft, startServer } from "./graft-child.ts";
import { median, time } from "./measure.ts";

const ROUNDS = 3;

export const importBench: Bench = {
  name: "import",
  what: "import of a database file into a file: store, against a synced copy of the file",
  async run({ directory, isQuick }): Promise<readonly BenchRow[]> {
    const posts = isQuick ? 50_000 : 700_000;
    const file = join(directory, "forum.db");
    createDataset(file, { ...DATASET_DEFAULT, posts, users: posts / 10, likes: posts / 4 });
    const bytes = statSync(file).size;
    const seconds: number[] = [];
    const copies: number[] = [];
    let [serverPeak, requests] = [0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      copies.push(await time(() => copyDurably(file, join(directory, `copy-${round}`))));
      await using server = await startServer(`file:${join(directory, `store-${round}`)}`);
      const path = join(directory, `client-${round}`);
      const words = ["import", file, "--url", server.url, "--path", path, "--tag", "t"];
      seconds.push((await runGraft<Imported>(...words)).seconds);
      serverPeak = Math.max(serverPeak, await server.residentSize());
      requests = await server.objectStoreRequests();
    }
    const rate = bytes / 1e6 / median(seconds);
    return [
      { name: "database", value: bytes / 1e6, unit: "MB" },
      { name: "synced copy", value: bytes / 1e6 / (median(copies) / 1000), unit: "MB/s" },
      { name: "import, end to end", value: rate, unit: "MB/s", budget: { min: 50 } },
      { name: "object-store requests", value: requests, unit: "requests" },
      {
        name: "server memory after it",
        value: serverPeak / 1024 / 1024,
        unit: "MiB",
        budget: { max: 300 },
      },
    ];
  },
};

function copyDurably(from: string, to: string): void {
  copyFileSync(from, to);
  fdatasyncSync(openSync(to, "r+"));
}
