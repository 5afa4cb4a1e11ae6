/**
 * SQLite files made to harm who reads them: imported, opened as a replica by the engine, queried.
 * An error in time, never a hang, a crash or a wrong page.
 */
import { toPageCount, toPageIndex, toPageSize } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { Database, openImport } from "@graft/sqlite";
import { SqliteError } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { describe, expect, test } from "vitest";
import { Cluster } from "../../harness/cluster.ts";
import { databaseTarget } from "../fuzz/targets/import-target.ts";
import { BASE, HOSTILE, HOSTILE_PAGE_SIZE, makeDatabase } from "./hostile-databases.ts";

/** Far longer than any of them takes on a busy machine; a hang takes for ever. */
const TIME_MAX_MS = 15_000;

/** Imports everything. @returns "imported", or the code of the error */
async function importOf(bytes: Uint8Array): Promise<string> {
  const fileSystem = new SimulatedDisk();
  const file = fileSystem.open("/a.db", "create");
  file.write(bytes, 0);
  file.close();
  try {
    const clock = new SimulatedClock({ mode: "auto" });
    using source = await openImport({ fileSystem, clock, path: "/a.db" });
    let count = 0;
    for (const _ of source.pages()) count++;
    return count > 0 ? "imported" : "empty";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("a database file with", { timeout: TIME_MAX_MS }, () => {
  test("nothing wrong is imported, and works", async () => {
    expect(await importOf(BASE)).toBe("imported");
    expect(await databaseTarget.run(BASE)).toBe(true);
  });

  test.each(HOSTILE)("%s is not imported", async (_, harm) => {
    const bytes = BASE.slice();
    harm(bytes);
    expect(["corrupt", "invalid-argument"]).toContain(await importOf(bytes));
  });

  // A replica of such pages can exist: another program may have pushed them. Every query ends, with
  // SQLite's own error or without.
  test.each(HOSTILE)("%s is queried without a crash or a hang", async (_, harm) => {
    const bytes = BASE.slice();
    harm(bytes);
    await databaseTarget.run(bytes);
  });
});

/** Pushes the pages as they are, as a client that imports nothing would. */
async function pushPages(cluster: Cluster, bytes: Uint8Array) {
  const client = await cluster.openClient();
  const volume = await client.createVolume({ pageSize: toPageSize(HOSTILE_PAGE_SIZE) });
  const writer = volume.openWriter();
  if (writer === undefined) throw new Error("another writer is open");
  const pageCount = bytes.length / HOSTILE_PAGE_SIZE;
  for (let index = 1; index <= pageCount; index++) {
    const end = index * HOSTILE_PAGE_SIZE;
    writer.write(toPageIndex(index), bytes.slice(end - HOSTILE_PAGE_SIZE, end));
  }
  writer.commit({ pageCount: toPageCount(pageCount) });
  await volume.push();
  return volume.volumeId;
}

const REPLICA_QUERIES = [
  "select count(*), sum(length(body)) from item",
  "select * from item order by name",
  "select * from pair where a > 3",
  "pragma integrity_check(20)",
  "update item set name = name || '!'",
];
/** SQLite's own: error, out of memory, input or output, malformed, full, not a database. */
const REFUSALS = [1, 7, 10, 11, 13, 26];

describe("a replica of a database with", { timeout: TIME_MAX_MS }, () => {
  test.each(HOSTILE)(
    "%s answers every query in time, page by page from the server",
    async (_, harm) => {
      const bytes = BASE.slice();
      harm(bytes);
      await using cluster = await Cluster.start({ random: new SeededRandom(6) });
      const volumeId = await pushPages(cluster, bytes);
      const volume = await (await cluster.openClient()).openVolume(volumeId);
      const engine = await loadNodeEngine();
      const heapMaxBytes = 64 * 1024 * 1024;
      const clock = systemClock;
      await using db = new Database({ volume, engine, clock, random: systemRandom, heapMaxBytes });
      const outcomes: unknown[] = [];
      for (const sql of REPLICA_QUERIES) {
        const outcome = await db
          .prepare(sql)
          .all()
          .then(
            () => "answered",
            (error: unknown) => (error instanceof SqliteError ? error.code & 0xff : String(error)),
          );
        outcomes.push(outcome);
      }
      for (const outcome of outcomes) expect(["answered", ...REFUSALS]).toContain(outcome);
    },
  );
});

const BOMBS: readonly (readonly [string, string])[] = [
  [
    "views on views, 200 deep",
    `create table v0 (x); ${Array.from({ length: 200 }, (_, at) => `create view v${at + 1} as select * from v${at};`).join("")}`,
  ],
  [
    "views that double, 30 deep",
    `create table v0 (x); insert into v0 values (1); ${Array.from({ length: 30 }, (_, at) => `create view v${at + 1} as select a.x from v${at} a, v${at} b;`).join("")} create view names as select * from v30;`,
  ],
  [
    "two thousand columns",
    `create table t (${Array.from({ length: 2000 }, (_, at) => `c${at}`)});`,
  ],
  ["a statement of a megabyte", `create table t (x default '${"x".repeat(1_000_000)}');`],
  [
    "a trigger that fires itself",
    "pragma recursive_triggers = on; create table pair (a, b); create trigger t after insert on pair begin insert into pair values (new.a + 1, 2); end;",
  ],
];

describe("a schema of", { timeout: TIME_MAX_MS }, () => {
  test.each(BOMBS)("%s is imported, and no query of it hangs", async (_, sql) => {
    const bytes = makeDatabase(sql);
    expect(await importOf(bytes)).toBe("imported");
    await databaseTarget.run(bytes);
  });
});
