/** libgraft 0.1.5 with another libgraft on its volume, and with our client. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../harness/until.ts";
import { LIBGRAFT_PYTHON, PATIENCE_MS } from "./libgraft-client.ts";
import { LibgraftWorld, type WatchedClient } from "./libgraft-world.ts";

const COMMIT = "/metastore/v1/commit";

describe.skipIf(LIBGRAFT_PYTHON === "")("libgraft 0.1.5, not alone", () => {
  let world: LibgraftWorld;

  beforeAll(async () => {
    world = await LibgraftWorld.start();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** Lets a client push again, and resolves when it knows that it was too late. */
  async function rejected({ client, way }: WatchedClient): Promise<void> {
    const before = way.requestCount(COMMIT);
    await client.query("pragma graft_sync = true");
    // Asking it for its status would keep it from pushing.
    await until(() => way.requestCount(COMMIT) > before, PATIENCE_MS);
    expect(await client.status()).toBe("RejectedCommit");
  }

  test.concurrent("of two commits on one base the second is rejected, until its client resets", async () => {
    const volumeId = world.createVolume();
    const { client: winner } = await world.openLibgraft(volumeId);
    await winner.query("create table t(a integer primary key, b text)");
    const { remoteLsn = 0 } = await winner.pushed();
    // It pulls nothing and pushes nothing until it has committed on the same base.
    const watched = await world.openLibgraft(volumeId);
    const { client: loser, way } = watched;
    await loser.pulled(remoteLsn);
    await loser.query("pragma graft_sync = false");
    await winner.query("insert into t values (1, 'winner')");
    const won = await winner.pushed();
    await loser.query("insert into t values (1, 'loser')");
    await rejected(watched);
    // It keeps its row, and asks no more.
    expect(await loser.query("select b from t")).toEqual([["loser"]]);
    expect(way.requestCount(COMMIT)).toBe(1);
    await loser.query("pragma graft_reset");
    expect(await loser.status()).toBe("Ok");
    expect(await loser.snapshot()).toMatchObject({ remoteLsn: won.remoteLsn, isPushed: true });
    expect(await loser.queryAnew("select b from t")).toEqual([["winner"]]);
    await loser.query("insert into t values (2, 'after')");
    await winner.pulled((await loser.pushed()).remoteLsn ?? 0);
    expect(await winner.queryAnew("select b from t order by a")).toEqual([["winner"], ["after"]]);
  });

  test.concurrent("a volume that libgraft and our client write in turn is one database to both", async () => {
    const volumeId = world.createVolume();
    const { client: theirs } = await world.openLibgraft(volumeId);
    await theirs.query("create table t(a integer primary key, who text)");
    await theirs.pushed();
    const ours = await world.openOurs(volumeId);
    for (let turn = 1; turn <= 5; turn++) {
      await ours.pull();
      await ours.prepare("insert into t(who) values ('ours')").run();
      await ours.push();
      await theirs.pulled(Number(ours.status().remote?.lsn));
      await theirs.queryAnew("insert into t(who) values ('theirs')");
      await theirs.pushed();
    }
    await ours.pull();
    const sql = "select who, count(*) from t group by who order by who";
    const counts = [
      ["ours", 5],
      ["theirs", 5],
    ];
    expect(await theirs.queryAnew(sql)).toEqual(counts);
    expect(await ours.prepare(sql).raw().all()).toEqual(counts);
    expect(await theirs.query("pragma integrity_check")).toEqual([["ok"]]);
    expect(await ours.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    // What has grown and shrunk on one side is no smaller on the other.
    await ours.exec(
      "insert into t(who) select hex(randomblob(2000)) from t; delete from t; vacuum",
    );
    await ours.push();
    await theirs.pulled(Number(ours.status().remote?.lsn));
    expect(await theirs.queryAnew("select count(*) from t")).toEqual([[0]]);
    await theirs.query("create table u(x); insert into u values (randomblob(100000))");
    await theirs.pushed();
    await ours.pull();
    expect(await ours.prepare("select sum(length(x)) from u").pluck().get()).toBe(100_000);
    expect(await ours.prepare("pragma integrity_check").pluck().get()).toBe("ok");
  });

  test.concurrent("a conflict with our client is the loser's to mend, whoever it is", async () => {
    const volumeId = world.createVolume();
    const watched = await world.openLibgraft(volumeId);
    const { client: theirs } = watched;
    await theirs.query("create table t(a integer primary key, who text)");
    const { remoteLsn } = await theirs.pushed();
    const ours = await world.openOurs(volumeId);
    await ours.pull();
    expect(ours.status().remote?.lsn).toBe(BigInt(remoteLsn ?? 0));
    // We lose.
    await theirs.query("insert into t values (1, 'theirs')");
    await theirs.pushed();
    await ours.exec("insert into t values (1, 'ours')");
    await expect(ours.push()).rejects.toMatchObject({ code: "diverged" });
    await ours.reset();
    expect(await ours.prepare("select who from t").pluck().all()).toEqual(["theirs"]);
    // They lose.
    await theirs.query("pragma graft_sync = false");
    await ours.exec("insert into t values (2, 'ours')");
    await ours.push();
    await theirs.query("insert into t values (2, 'theirs')");
    await rejected(watched);
    await theirs.query("pragma graft_reset");
    const rows = [
      [1, "theirs"],
      [2, "ours"],
    ];
    expect(await theirs.queryAnew("select a, who from t order by a")).toEqual(rows);
    expect(await theirs.status()).toBe("Ok");
    await theirs.query("insert into t values (3, 'theirs')");
    await theirs.pushed();
    await ours.pull();
    expect(await ours.prepare("select count(*) from t").pluck().get()).toBe(3);
  });
});
