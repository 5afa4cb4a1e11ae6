/** What a person does with replicas, one command after another, against one server. */
import { existsSync, readdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { beforeAll, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, runGraft } from "./testing/run-graft.ts";
import { serveFolder } from "./testing/served-folder.ts";

const served = serveFolder();

beforeAll(() => makeDatabase(served.at("notes.db")));

function importNotes(name: string): Promise<string> {
  return served.importFile("notes.db", "notes", name);
}

async function count(name: string): Promise<unknown> {
  const words = ["sql", "notes", "SELECT count(*) AS n FROM notes", ...served.place(name)];
  const [row] = await graftJson(words);
  return row?.n;
}

describe("the command line", () => {
  it("imports a file and says what came of it", async () => {
    const words = ["import", served.at("notes.db"), "--tag", "notes", ...served.place("say")];
    const [imported, ...rest] = await graftJson(words);
    expect(rest).toEqual([]);
    expect(Object.keys(imported ?? {})).toEqual(["volume", "lsn", "pages", "bytes", "seconds"]);
    expect(imported).toMatchObject({ lsn: 1, bytes: Number(imported?.pages) * 4096 });
    expect(String(imported?.volume)).toHaveLength(22);
  });

  it("clones without pages, and answers SQL", async () => {
    const volume = await importNotes("a1");
    const [cloned] = await graftJson(["clone", volume, "--tag", "notes", ...served.place("b1")]);
    expect(cloned).toMatchObject({ volume, tag: "notes", lsn: 1 });
    expect(Number(cloned?.requests)).toBeLessThanOrEqual(2);
    const [before] = await graftJson(["status", "notes", ...served.place("b1")]);
    expect(before).toMatchObject({ volume, state: "synced", cached: { pages: 0, bytes: 0 } });
    const rows = await graftJson([
      "sql",
      "notes",
      "SELECT id, kind FROM notes WHERE id IN (7, 8) ORDER BY id",
      ...served.place("b1"),
    ]);
    expect(rows).toEqual([
      { id: 7, kind: "kind 7" },
      { id: 8, kind: "kind 8" },
    ]);
    const [after] = await graftJson(["status", "notes", ...served.place("b1")]);
    const { cached, snapshot } = after as unknown as {
      readonly cached: { readonly pages: number };
      readonly snapshot: { readonly pageCount: number };
    };
    expect(cached.pages).toBeGreaterThan(0);
    expect(cached.pages).toBeLessThan(snapshot.pageCount / 4);
  });

  it("carries a change from one replica to another", async () => {
    const volume = await importNotes("a2");
    await graftJson(["clone", volume, "--tag", "notes", ...served.place("b2")]);
    await graftJson(["sql", "notes", "DELETE FROM notes WHERE id > 990", ...served.place("b2")]);
    const [pending] = await graftJson(["status", "notes", ...served.place("b2")]);
    expect(pending).toMatchObject({ state: "pending", local: { pending: 1 } });
    const words = ["push", "notes", "--message", "ten less", ...served.place("b2")];
    expect((await graftJson(words))[0]).toMatchObject({ pushed: true, lsn: 2, commits: 1 });
    expect(await count("a2")).toBe(1000);
    const [pulled] = await graftJson(["pull", "notes", ...served.place("a2")]);
    expect(pulled).toMatchObject({ volume, lsn: 2 });
    expect(await count("a2")).toBe(990);
    const log = await graftJson(["log", "notes", ...served.place("a2")]);
    expect(log).toMatchObject([{ lsn: 2, message: "ten less", pending: false }, { lsn: 1 }]);
    expect((await graftJson(["push", "notes", ...served.place("b2")]))[0]).toMatchObject({
      pushed: false,
    });
  });

  it("refuses a second push with exit code 3, keeps the rows, and resets to a saved file", async () => {
    const volume = await importNotes("a3");
    await graftJson(["clone", volume, "--tag", "notes", ...served.place("b3")]);
    await graftJson(["sql", "notes", "DELETE FROM notes WHERE id > 900", ...served.place("a3")]);
    await graftJson(["push", "notes", ...served.place("a3")]);
    await graftJson(["sql", "notes", "DELETE FROM notes WHERE id > 10", ...served.place("b3")]);
    const refused = await runGraft(["push", "notes", ...served.place("b3")]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/^graft: volume \S+ is diverged: .*\n$/);
    expect((await graftJson(["status", "notes", ...served.place("b3")]))[0]).toMatchObject({
      state: "diverged",
      local: { pending: 1 },
    });
    expect(await count("b3")).toBe(10);
    expect((await runGraft(["pull", "notes", ...served.place("b3")])).code).toBe(3);
    const [reset] = await graftJson(["reset", "notes", ...served.place("b3")]);
    expect(reset).toMatchObject({ volume, lsn: 2, discardedCommits: 1 });
    expect(await count("b3")).toBe(900);
    const saved = new DatabaseSync(String(reset?.savedFile), { readOnly: true });
    expect(saved.prepare("SELECT count(*) AS n FROM notes").get()).toEqual({ n: 10 });
    saved.close();
  });

  it("hydrates, and then exports and reads without a server", async () => {
    const volume = await importNotes("a4");
    await graftJson(["clone", volume, "--tag", "notes", ...served.place("b4")]);
    const [hydrated] = await graftJson(["hydrate", "notes", ...served.place("b4")]);
    expect(hydrated?.cachedPages).toBe(hydrated?.pages);
    const nowhere = ["--url", "http://127.0.0.1:1", "--path", served.at("b4")];
    const file = served.at("b4.db");
    const [exported] = await graftJson(["export", "notes", file, ...nowhere]);
    expect(exported).toMatchObject({ volume, lsn: 1, file, pages: hydrated?.pages });
    const plain = new DatabaseSync(file);
    expect(plain.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    plain.close();
    const again = await runGraft(["export", "notes", file, ...nowhere]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("exists");
    await graftJson(["export", "notes", file, "--force", ...nowhere]);
    expect(readdirSync(served.path).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("fetches the pages that are named", async () => {
    const volume = await importNotes("a5");
    await graftJson(["clone", volume, "--tag", "notes", ...served.place("b5")]);
    const [fetched] = await graftJson(["fetch", "notes", "1-3,5", ...served.place("b5")]);
    expect(fetched).toMatchObject({ pages: 4, fetchedPages: 4 });
    const refused = await runGraft(["fetch", "notes", "one", ...served.place("b5")]);
    expect(refused.code).toBe(2);
  });

  it("takes flags from the environment", async () => {
    const volume = await importNotes("a6");
    const env = { GRAFT_URL: served.url, GRAFT_PATH: served.at("b6"), GRAFT_TOKEN: "secret" };
    await graftJson(["clone", volume, "--tag", "notes"], { env });
    expect(existsSync(served.at("b6"))).toBe(true);
    const [row] = await graftJson(["sql", "notes", "SELECT max(id) AS m FROM notes"], { env });
    expect(row).toEqual({ m: 1000 });
  });

  it("tells all replicas of a data directory", async () => {
    const volume = await importNotes("a7");
    await graftJson(["clone", volume, "--tag", "again", ...served.place("a7")]);
    const rows = await graftJson(["status", ...served.place("a7")]);
    expect(rows.map((row) => row.tag)).toEqual(["notes", "again"]);
  });
});
