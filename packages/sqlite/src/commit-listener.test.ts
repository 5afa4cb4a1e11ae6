import { Runtime } from "@graft/client";
import { systemClock, systemRandom } from "@graft/core/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { expect, test } from "vitest";
import { Database } from "./database.ts";
import { createOfflineRemote } from "./offline-remote.ts";

const means = { engine: await loadNodeEngine(), clock: systemClock, random: systemRandom };

test.each(["suspend", "rerun"] as const)(
  "a listener that closes everything at its commit does not make the commit fail (%s)",
  async (missStrategy) => {
    await using runtime = await Runtime.open({ remote: createOfflineRemote(), ...means });
    const volume = await runtime.createVolume({});
    const db = new Database({ ...means, volume, missStrategy });
    await db.exec("create table t(a)");
    const closing: Promise<void>[] = [];
    db.on("commit", () => closing.push(db.close(), volume.close()));
    const result = await db.prepare("insert into t values (1)").run();
    expect(result.changes).toBe(1);
    await Promise.all(closing);
    await expect(db.prepare("select 1").get()).rejects.toThrow("this database is closed");
  },
);
