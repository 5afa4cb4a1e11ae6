/** What a clone and a first query cost when nobody has anything cached, counted by the server. */
import { rmSync } from "node:fs";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { graftJson, startGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

const COMMITS = [10, 300];

let folder: TemporaryFolder;
const volumes = new Map<number, string>();

function serveWords(): readonly string[] {
  const cache = ["--cache", folder.at("cache"), "--cache-mib", "64"];
  return ["serve", "--port", "0", "--store", `file:${folder.at("store")}`, ...cache];
}

beforeAll(async () => {
  folder = createTemporaryFolder();
  await using server = await startGraft(serveWords());
  for (const count of COMMITS) {
    await using db = await openDatabase({ sync: "manual", url: server.url, tag: `after-${count}` });
    await db.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)");
    await db.transaction(async (tx) => {
      const insert = tx.prepare("INSERT INTO notes VALUES (?, ?)");
      for (let id = 1; id <= 2000; id++) await insert.run(id, `note ${id} `.padEnd(200, "x"));
    });
    await db.push();
    const update = db.prepare("UPDATE notes SET body = ? WHERE id = ?");
    for (let at = 2; at <= count; at++) {
      await update.run(`changed by commit ${at}`, ((at * 37) % 2000) + 1);
      await db.push();
    }
    volumes.set(count, db.volume.volumeId);
  }
  // What frames are cached is written; then all of it is thrown away.
  await server.stop();
  rmSync(folder.at("cache"), { recursive: true, force: true });
}, 180_000);

afterAll(() => folder?.[Symbol.dispose]());

async function storeRequests(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const lines = metrics
    .split("\n")
    .filter((line) => line.startsWith("graft_object_store_requests_total{"));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

it.each(COMMITS)(
  "a clone after %i commits takes 1 client request and 3 of the store, a first query 12 at most",
  async (count) => {
    await using server = await startGraft(serveWords());
    const before = await storeRequests(server.url);
    const place = ["--url", server.url, "--path", folder.at(`replica-${count}`)];
    const volume = volumes.get(count) ?? "";
    const [cloned] = await graftJson(["clone", volume, "--tag", "notes", ...place]);
    expect(cloned).toMatchObject({ lsn: count, requests: 1 });
    expect((await storeRequests(server.url)) - before).toBe(3);
    const sql = "SELECT body FROM notes WHERE id = 1999";
    const [row] = await graftJson(["sql", "notes", sql, ...place]);
    expect(String(row?.body)).toMatch(/note 1999|changed by commit/);
    expect((await storeRequests(server.url)) - before).toBeLessThanOrEqual(12);
    await server.stop();
    rmSync(folder.at("cache"), { recursive: true, force: true });
  },
);
