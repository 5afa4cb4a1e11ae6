/** A thousand open databases in one process: how many WASM instances, how much memory. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Remote, Runtime } from "@graft/client";
import { systemClock, systemRandom } from "@graft/core/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { expect, test } from "vitest";
import { Database } from "../database.ts";
import { createOfflineRemote } from "../offline-remote.ts";
import { INSTANCES_MAX, InstanceSlots } from "./instance-slots.ts";

const DATABASES = 1_000;
const KIB = 1024;
/** Of JavaScript memory: a volume with its history, and a database without a connection. */
const IDLE_SIZE_MAX = 40 * KIB;
/** Databases that are read at the same moment. */
const AT_ONCE = 500;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const engine = await loadNodeEngine();
const means = { engine, clock: systemClock, random: systemRandom };

test(`${DATABASES} open databases run statements in turn and at once on ${INSTANCES_MAX} instances`, async () => {
  const remote: Remote = createOfflineRemote();
  const instances = new InstanceSlots();
  await using runtime = await Runtime.open({ remote, ...means });
  const databases: Database[] = [];
  const before = memoryInUse();
  for (let at = 0; at < DATABASES; at++) {
    const volume = await runtime.createVolume({});
    databases.push(new Database({ ...means, volume, instances, idleMs: 60_000 }));
  }
  const opened = (memoryInUse() - before) / DATABASES;
  let mostInstances = 0;
  const note = (): void => {
    mostInstances = Math.max(mostInstances, instances.count);
  };

  for (const [at, db] of databases.entries()) {
    await db.exec(`create table t(a); insert into t values (${at})`);
    note();
  }
  const queries = databases.slice(0, AT_ONCE).map((db) => db.prepare("select a from t").pluck());
  const atOnce = await Promise.all(queries.map((query) => query.get().finally(note)));
  expect(atOnce).toEqual(queries.map((_, at) => at));

  // A transaction that is open keeps its instance, whatever the others do.
  const [first, ...others] = databases;
  await first?.transaction(async (tx) => {
    await tx.exec("update t set a = -1");
    await Promise.all(others.slice(0, 100).map((db) => db.exec("update t set a = a + 1")));
    note();
    expect(await tx.prepare("select a from t").pluck().get()).toBe(-1);
  });
  const sum = await Promise.all(queries.slice(0, 101).map((query) => query.get()));
  expect(sum).toEqual([-1, ...Array.from({ length: 100 }, (_, at) => at + 2)]);
  expect(mostInstances).toBeLessThanOrEqual(INSTANCES_MAX);

  await Promise.all(databases.map((db) => db.releaseIdle()));
  expect(instances.count).toBe(0);
  const idle = (memoryInUse() - before) / DATABASES;
  process.stdout.write(
    `idle database: ${Math.round(opened / KIB)} KiB opened, ${Math.round(idle / KIB)} KiB used\n`,
  );
  expect(idle).toBeLessThan(IDLE_SIZE_MAX);
  await Promise.all(databases.map((db) => db.close()));
}, 240_000);

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
