/** SQL on volumes that are pushed and pulled meanwhile. */
import type { Interceptor } from "@connectrpc/connect";
import type { Volume } from "@graft/client";
import { toPageIndex } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { Database } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";

describe("SQL", async () => {
  const engine = await loadNodeEngine();
  const open = (volume: Volume): Database =>
    new Database({ volume, engine, clock: systemClock, random: systemRandom });
  const SCRIPT = `
    create table t(id integer primary key, a text unique, b blob);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
      insert into t select i, 'row ' || i, zeroblob(i % 90) from n;
    create index t_b on t(b);
    delete from t where id % 3 = 0;
    update t set a = a || '!' where id % 5 = 0;
    vacuum`;

  it("gives the same bytes on two clients, in however many commits it was pushed", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(14) });
    const images: Uint8Array[][] = [];
    for (const pushes of [false, true]) {
      const volume = await (await cluster.openClient()).createVolume();
      const db = open(volume);
      for (const statement of SCRIPT.split(";")) {
        await db.exec(statement);
        if (pushes) await db.push();
      }
      await db.close();
      const reader = volume.openReader();
      const pages = Array.from({ length: reader.pageCount }, (_, at) => {
        const page = new Uint8Array(reader.pageSize);
        expect(reader.read(toPageIndex(at + 1), page)).toBe(true);
        return page;
      });
      reader.close();
      images.push(pages);
    }
    expect(images[0]).toEqual(images[1]);
  });

  it("COMMIT is not failed by a push, before, during or after it", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(15) });
    const volume = await (await cluster.openClient()).createVolume();
    const db = open(volume);
    await db.exec("create table t(a)");
    let pushing: Promise<unknown> = db.push();
    for (let at = 0; at < 30; at++) {
      await db.transaction(async (tx) => {
        await tx.exec(`insert into t values (${at})`);
        if (at % 3 === 0) await pushing;
        if (at % 3 === 1) pushing = db.push();
        await tx.exec(`insert into t values (${at})`);
      });
      if (at % 3 === 2) pushing = Promise.all([pushing, db.push()]);
    }
    await pushing;
    await db.push();
    await db.close();
    const other = open(await (await cluster.openClient()).openVolume(volume.volumeId));
    expect(await other.prepare("select count(*), count(distinct a) from t").raw().get()).toEqual([
      60, 30,
    ]);
    await other.close();
  });

  it("a rolled back BEGIN IMMEDIATE makes no commit, and nothing to push", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(16) });
    const volume = await (await cluster.openClient()).createVolume();
    const db = open(volume);
    await db.exec("create table t(a)");
    await db.push();
    await db.exec("begin immediate; insert into t values (1); rollback");
    await db.exec("begin immediate; commit");
    expect(await db.push()).toEqual({ kind: "nothing-to-push" });
    expect(db.status().remote.lsn).toBe(1n);
    await db.close();
  });

  it("a statement that is stopped in the middle leaves no lock and nothing of its work", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(17) });
    const client = await cluster.openClient();
    const volume = await client.createVolume();
    const writer = open(volume);
    await writer.exec(SCRIPT);
    await writer.push();
    await writer.close();
    const reached = Promise.withResolvers<void>();
    const hold: Interceptor = (next) => async (request) => {
      if (request.method.name === "ReadPages" && ++reads > 3) {
        reached.resolve();
        const aborted = Promise.withResolvers<void>();
        request.signal.addEventListener("abort", () => aborted.resolve());
        if (isHeld) await aborted.promise;
      }
      return next(request);
    };
    let reads = 0;
    let isHeld = true;
    const other = await cluster.openClient({ interceptors: [hold] });
    const replica = await other.openVolume(volume.volumeId);
    const db = open(replica);
    const given = new AbortController();
    const updating = db.exec("update t set a = 'gone ' || id", { signal: given.signal });
    await reached.promise;
    given.abort();
    await expect(updating).rejects.toThrow();
    isHeld = false;
    const free = replica.openWriter();
    expect(free).toBeDefined();
    free?.rollback();
    expect(await db.prepare("select count(*) from t where a like 'gone%'").pluck().get()).toBe(0);
    await db.exec("update t set b = 'x' where id = 1");
    expect(await db.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    expect(replica.status().local.pending).toBe(1);
    await db.close();
  });

  it("news that comes during a transaction fails its COMMIT once, and the retry stands on it", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(18) });
    const volume = await (await cluster.openClient()).createVolume();
    const a = open(volume);
    await a.exec("create table t(a); insert into t values (1)");
    await a.push();
    const b = open(await (await cluster.openClient()).openVolume(volume.volumeId));
    await b.prepare("select * from t").all();
    await a.exec("update t set a = a + 10");
    await a.push();
    const seen: unknown[] = [];
    let pulling: Promise<unknown> | undefined;
    await b.transaction(async (tx) => {
      seen.push(await tx.prepare("select a from t").pluck().get());
      await tx.exec("update t set a = a + 100");
      pulling ??= b.pull();
      if (seen.length === 1) await systemClock.sleep(20);
    });
    await pulling;
    expect(seen).toEqual([1, 11]);
    await b.push();
    await a.pull();
    expect(await a.prepare("select a from t").pluck().get()).toBe(111);
    await Promise.all([a.close(), b.close()]);
  });
});
