/** Pushes of libgraft 0.1.5 that are cut off: nothing is lost, and nothing happens twice. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../harness/until.ts";
import { LIBGRAFT_PYTHON, PATIENCE_MS } from "./libgraft-client.ts";
import { LibgraftWorld, type WatchedClient } from "./libgraft-world.ts";
import type { Loss } from "./watched-way.ts";

const WRITE_PAGES = "/pagestore/v1/write_pages";
const COMMIT = "/metastore/v1/commit";

describe.skipIf(LIBGRAFT_PYTHON === "")("libgraft 0.1.5, interrupted", () => {
  let world: LibgraftWorld;

  beforeAll(async () => {
    world = await LibgraftWorld.start();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function start(): Promise<WatchedClient> {
    const watched = await world.openLibgraft(world.createVolume());
    await watched.client.query("create table t(a integer primary key, b text)");
    expect(await watched.client.pushed()).toMatchObject({ remoteLsn: 1 });
    return watched;
  }

  const LOSSES: readonly (readonly [string, string, Loss])[] = [
    ["the upload of its pages is cut", WRITE_PAGES, "request"],
    ["the answer to its pages is lost", WRITE_PAGES, "answer"],
    ["its commit is cut", COMMIT, "request"],
    ["the answer to its commit is lost", COMMIT, "answer"],
  ];
  test.concurrent.each(LOSSES)("%s: it repeats, and commits once", async (_, path, loss) => {
    const { client, way } = await start();
    way.loseNext(path, loss);
    await client.query("insert into t values (1, 'one')");
    expect(await client.pushed()).toMatchObject({ remoteLsn: 2 });
    expect(way.hasLost).toBe(true);
    expect(way.requestCount(path)).toBe(3);
    expect(await client.status()).toBe("Ok");
    const ours = await world.openOurs(client.options.volumeId);
    expect(await ours.prepare("select b from t").pluck().all()).toEqual(["one"]);
    expect(ours.status().remote?.lsn).toBe(2n);
  });

  test.concurrent("its process dies after its commit has landed: a reset finds the rows again", async () => {
    const { client, way } = await start();
    way.loseNext(COMMIT, "answer, for good");
    await client.query("insert into t values (1, 'landed')");
    await until(() => way.isGone, PATIENCE_MS);
    await client.kill();
    way.mend();
    const ours = await world.openOurs(client.options.volumeId);
    await until(async () => {
      await ours.pull();
      return ours.status().remote?.lsn === 2n;
    }, PATIENCE_MS);
    const again = await world.reopen(client);
    expect(await again.status()).toBe("InterruptedPush");
    await again.query("pragma graft_reset");
    expect(await again.status()).toBe("Ok");
    expect(await again.queryAnew("select b from t")).toEqual([["landed"]]);
    await again.query("insert into t values (2, 'after')");
    expect(await again.pushed()).toMatchObject({ remoteLsn: 3 });
  });

  // It takes the server away from all others: not beside them.
  test("the server is killed while it pushes: the next server takes it", async () => {
    const { client, way } = await start();
    await client.query("pragma graft_sync = false");
    await client.query(
      "with recursive i(i) as (select 1 union all select i + 1 from i where i < 2000) " +
        "insert into t select i, hex(randomblob(2000)) from i",
    );
    const before = way.requestCount(WRITE_PAGES);
    await client.query("pragma graft_sync = true");
    await until(() => way.requestCount(WRITE_PAGES) > before, PATIENCE_MS);
    await world.killServer();
    await client.query("insert into t values (2001, 'while it is down')");
    await world.startServer();
    await client.pushed();
    const ours = await world.openOurs(client.options.volumeId);
    await ours.pull();
    await ours.hydrate();
    expect(await ours.prepare("select count(*) from t").pluck().get()).toBe(2001);
    expect(await ours.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    expect(await client.status()).toBe("Ok");
  });
});
