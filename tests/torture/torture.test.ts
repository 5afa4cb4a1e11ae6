/**
 * Real processes, a real MinIO and real sockets, all of which fail: eight clients, two of each
 * service and the object store are killed, and every connection between them goes bad, for
 * `GRAFT_TORTURE_SECONDS` (60; `pnpm torture` takes 600). `GRAFT_SEED` repeats the choices, not the
 * machine's timing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { SeededRandom } from "@graft/core/testing";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, describe, expect, it } from "vitest";
import { buildMinio, findMinio } from "../../scripts/object-server/minio-binary.ts";
import { fillCompileCache } from "../harness/talking-child.ts";
import { expectSoundAftermath, type Whereabouts } from "./aftermath.ts";
import { Ledger } from "./ledger.ts";
import { TortureCluster } from "./torture-cluster.ts";
import { CLIENT_SCRIPT, TortureMember } from "./torture-member.ts";
import { makeWeather } from "./weather.ts";
import { createWorkload } from "./workload.ts";

const SECONDS = Number(process.env.GRAFT_TORTURE_SECONDS ?? 60);
const SEED = Number(process.env.GRAFT_SEED ?? Date.now() % 1_000_000);
const CLIENTS = 8;
const MINIO = findMinio() ?? (process.env.GRAFT_BUILD_MINIO === "1" ? buildMinio() : undefined);

const folder = mkdtempSync(join(tmpdir(), "graft-torture-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(MINIO === undefined)("a cluster that is tortured", () => {
  it(
    `loses no acknowledged commit and no money, and all converge: ${CLIENTS} clients, ${SECONDS} s (seed ${SEED})`,
    async () => {
      const random = new SeededRandom(SEED);
      const compileCache = join(folder, "compiled");
      process.env.NODE_COMPILE_CACHE = compileCache;
      await fillCompileCache(compileCache, CLIENT_SCRIPT);
      await using cluster = await TortureCluster.start(MINIO ?? "", join(folder, "minio"), random);
      const url = cluster.services[0]?.url ?? "";
      const volume = await found(url);
      const ledger = new Ledger();
      const members: TortureMember[] = [];
      for (let number = 0; number < CLIENTS; number++) {
        const path = join(folder, `client-${number}`);
        const ways = await cluster.openWays();
        const onConflict = number % 2 === 0 ? "rebase" : "reset";
        const common = { ways, ledger, compileCache };
        members.push(new TortureMember({ number, path, volume, onConflict, ...common }));
      }
      await Promise.all(members.map((member) => member.start(random.u32())));
      const startMs = performance.now();
      const ended = new AbortController();
      const weather = makeWeather({ cluster, members, ledger, random }, ended.signal);
      while (performance.now() - startMs < SECONDS * 1000 && ledger.faults.length === 0) {
        await wait(200);
      }
      ended.abort();
      await weather;
      const seconds = (performance.now() - startMs) / 1000;
      for (const member of members) await member.kill();
      expect(ledger.faults).toEqual([]);
      await cluster.startAll();
      const whereabouts = await expectSoundAftermath({
        url: cluster.services[0]?.url ?? "",
        volume,
        store: cluster.storeUrl,
        members,
        folder,
        ledger,
      });
      report(ledger, seconds, whereabouts, cluster);
      for (const member of members)
        for (const way of member.proxies) await way[Symbol.asyncDispose]();
      expect(ledger.remote.size, "they got somewhere").toBeGreaterThan(SECONDS / 4);
    },
    (SECONDS + 240) * 1000,
  );
});

/** Makes the bank, and pushes it. */
async function found(url: string): Promise<string> {
  await using db = await openDatabase({ sync: "manual", url });
  await createWorkload(db, CLIENTS);
  await db.push();
  return db.volume.volumeId;
}

function report(
  ledger: Ledger,
  seconds: number,
  { remote, saved, outbox, commits }: Whereabouts,
  { services }: TortureCluster,
): void {
  const count = (pattern: RegExp): number =>
    [...ledger.counts].reduce((sum, [what, times]) => (pattern.test(what) ? sum + times : sum), 0);
  const memory = services.map(
    ({ name, peakBytes }) => `${name} ${Math.round(peakBytes / 2 ** 20)}`,
  );
  const rate = (ledger.acknowledged.size / seconds).toFixed(1);
  console.info(
    [
      `seed ${SEED}, ${seconds.toFixed(0)} s, ${CLIENTS} clients`,
      `${ledger.acknowledged.size} transactions, ${rate} commits/s: ${remote} on the server in ` +
        `${commits} commits, ${saved} in saved files, ${outbox} in outboxes`,
      `merges ${count(/^did merged/)}, rebases ${count(/^did rebased/)}, ` +
        `rejections ${count(/^did rejected/)}, discarded ${count(/^did discarded/)}`,
      `faults injected: ${count(/^killed |: /)}`,
      ...[...ledger.counts].sort().map(([what, times]) => `  ${what}: ${times}`),
      `peak memory of services, MiB: ${memory.join(", ")}`,
    ].join("\n"),
  );
}
