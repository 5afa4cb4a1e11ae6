/** What libgraft 0.1.5 does all day, against our servers. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runMeasured } from "../../harness/measured-graft.ts";
import { LIBGRAFT_PYTHON } from "./libgraft-client.ts";
import { LibgraftWorld } from "./libgraft-world.ts";

const READ_PAGES = "/pagestore/v1/read_pages";

/** `i(i)`: the numbers 1 … count. */
const COUNT_TO = (count: number): string =>
  `with recursive i(i) as (select 1 union all select i + 1 from i where i < ${count})`;

describe.skipIf(LIBGRAFT_PYTHON === "")("libgraft 0.1.5", () => {
  let world: LibgraftWorld;

  beforeAll(async () => {
    world = await LibgraftWorld.start();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test.concurrent("what one client inserts, a second one and ours read", async () => {
    const volumeId = world.createVolume();
    const { client: writer } = await world.openLibgraft(volumeId);
    expect(await writer.snapshot()).toBeUndefined();
    await writer.query("create table t(a integer primary key, b text)");
    await writer.query("insert into t values (1, 'one'), (2, 'two')");
    const { remoteLsn = 0 } = await writer.pushed();
    const { client: reader } = await world.openLibgraft(volumeId);
    await reader.pulled(remoteLsn);
    expect(await reader.query("select a, b from t order by a")).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
    const ours = await world.openOurs(volumeId);
    expect(await ours.prepare("select b from t order by a").pluck().all()).toEqual(["one", "two"]);
    await writer.query("insert into t values (3, 'three')");
    await reader.pulled((await writer.pushed()).remoteLsn ?? 0);
    expect(await reader.query("select count(*) from t")).toEqual([[3]]);
    await ours.pull();
    expect(await ours.prepare("select count(*) from t").pluck().get()).toBe(3);
    expect(await writer.status()).toBe("Ok");
    expect((await writer.syncErrors()) + (await reader.syncErrors())).toBe("");
  });

  test.concurrent("a reader fetches the pages that it touches, and keeps its connections", async () => {
    const volumeId = world.createVolume();
    const { client: writer } = await world.openLibgraft(volumeId);
    await writer.query("create table t(a integer primary key, b blob not null)");
    await writer.query(`${COUNT_TO(1000)} insert into t select i, zeroblob(3000) from i`);
    const { remoteLsn = 0, pageCount } = await writer.pushed();
    const { client: reader, way } = await world.openLibgraft(volumeId);
    await reader.pulled(remoteLsn);
    expect(way.requestCount(READ_PAGES)).toBe(0);
    expect(await reader.query("select length(b) from t where a = 500")).toEqual([[3000]]);
    // The schema, the root, a leaf; a wrong guess of what comes next may be one more.
    const atPoint = way.requestCount(READ_PAGES);
    expect(atPoint).toBeGreaterThanOrEqual(3);
    expect(atPoint).toBeLessThanOrEqual(6);
    const all = "select count(*), sum(length(b)) from t";
    expect(await reader.query(all)).toEqual([[1000, 3_000_000]]);
    // It asks for up to nine pages at once.
    const atScan = way.requestCount(READ_PAGES);
    expect(pageCount).toBeGreaterThan(1000);
    expect(atScan).toBeLessThan(pageCount / 4);
    expect(await reader.query(all)).toEqual([[1000, 3_000_000]]);
    expect(way.requestCount(READ_PAGES)).toBe(atScan);
    // It pools three connections at most, and needs as many only when several threads ask.
    expect(way.connectionCount).toBeLessThanOrEqual(3);
    expect(way.heads.length).toBeGreaterThanOrEqual(atScan);
    for (const head of way.heads.map((one) => one.toLowerCase())) {
      expect(head).toMatch(/\r\ncontent-type: application\/x-protobuf\r\n/);
      expect(head).toMatch(/\r\ncontent-length: \d+\r\n/);
      expect(head).not.toMatch(/content-encoding|transfer-encoding/);
    }
  });

  test.concurrent("a push of 5,000 changed pages is taken in one commit", async () => {
    const volumeId = world.createVolume();
    const { client: writer, way } = await world.openLibgraft(volumeId);
    await writer.query("create table t(a integer primary key, b blob not null)");
    expect(await writer.pushed()).toMatchObject({ remoteLsn: 1 });
    await writer.query(`${COUNT_TO(5000)} insert into t select i, randomblob(4000) from i`);
    const { remoteLsn, pageCount } = await writer.pushed();
    expect(remoteLsn).toBe(2);
    expect(pageCount).toBeGreaterThan(5000);
    expect(way.requestCount("/pagestore/v1/write_pages")).toBe(2);
    const ours = await world.openOurs(volumeId);
    await ours.pull();
    // All but what came with the opening: 16 pages at most.
    const { fetchedPageCount } = await ours.hydrate();
    expect(pageCount - fetchedPageCount).toBeLessThanOrEqual(16);
    expect(await ours.hydrate()).toEqual({ fetchedPageCount: 0 });
    expect(await ours.prepare("select count(distinct b) from t").pluck().get()).toBe(5000);
  });

  test.concurrent("our tools understand a volume that only libgraft wrote", async () => {
    const volumeId = world.createVolume();
    const { client: writer } = await world.openLibgraft(volumeId);
    for (let commit = 1; commit <= 3; commit++) {
      await writer.query(`create table t${commit}(a); insert into t${commit} values (${commit})`);
      await writer.pushed();
    }
    const path = world.createDirectory();
    const replica = ["--path", path, "--url", world.url ?? ""];
    await runMeasured(["clone", volumeId, "--tag", "t", ...replica]);
    const { answer: oldest } = await runMeasured(["log", "t", ...replica]);
    expect(oldest).toMatchObject({ lsn: 1, pending: false });
    // A damaged store ends with another exit code, which throws.
    await runMeasured(["fsck", volumeId, "--store", world.store]);
    const file = join(path, "exported.db");
    await runMeasured(["export", "t", file, ...replica]);
    const exported = new DatabaseSync(file, { readOnly: true });
    expect(exported.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
    const sql = "select * from t1 union all select * from t2 union all select * from t3";
    expect(exported.prepare(sql).all()).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
    exported.close();
  });
});
