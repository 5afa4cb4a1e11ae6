import { toPageSize } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { describe, expect, test } from "vitest";
import { FakeVolume } from "../testing/fake-volume.ts";
import { openConnection } from "../testing/open-connection.ts";

const engine = await loadNodeEngine();
const means = { engine, clock: systemClock, random: systemRandom };

describe.each(["suspend", "rerun"] as const)("SQLite on a volume file (%s)", (missStrategy) => {
  test("create insert select", async () => {
    const volume = new FakeVolume({ pageSize: toPageSize(512) });
    const connection = await openConnection({ ...means, volume, missStrategy });
    await connection.engine.exec("create table t(a); insert into t values (1),(2),(3)");
    const statement = await connection.engine.prepare("select sum(a) as s from t");
    expect(await statement.get()).toEqual({ s: 6 });
    expect(volume.commitCount).toBe(2);
    volume.evict();
    const other = await openConnection({ ...means, volume, missStrategy });
    const s2 = await other.engine.prepare("select sum(a) as s from t");
    expect(await s2.get()).toEqual({ s: 6 });
    expect(volume.fetchedPages).toEqual([1, 2]);
    const s3 = await other.engine.prepare("pragma graft_status");
    console.log(await s3.all());
    await connection.close();
    await other.close();
  });
});
