/** `graft demo` as its users run it: on its own forum, and on databases of any make. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DemoReport } from "./demo/demo-report.ts";
import { FORUM_SIZE_SMALL, writeForum } from "./demo/forum-database.ts";
import { makeDatabase } from "./testing/make-database.ts";
import { exitOf, type Run, runGraft, spawnGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

let folder: TemporaryFolder;

beforeEach(() => {
  folder = createTemporaryFolder();
  mkdirSync(folder.at("tmp"));
});

afterEach(() => folder[Symbol.dispose]());

function demo(words: readonly string[]): Promise<Run> {
  return runGraft(["demo", ...words], { env: { TMPDIR: folder.at("tmp") } });
}

function reportOf(run: Run): DemoReport {
  expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 });
  const last = run.stdout.trimEnd().split("\n").at(-1) ?? "";
  return JSON.parse(last) as DemoReport;
}

/** Files under a name, with what is in them. */
function fingerprint(name: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder.path).filter((one) => one.startsWith(name));
  return Object.fromEntries(
    names.map((one) => [
      one,
      createHash("sha256")
        .update(readFileSync(folder.at(one)))
        .digest("hex"),
    ]),
  );
}

describe("the demo", () => {
  it("holds on its own forum of 60 MB and more", async () => {
    const report = reportOf(await demo(["--json"]));
    expect(report.ok).toBe(true);
    expect(report.database.bytes).toBeGreaterThanOrEqual(60 * 1024 * 1024);
    expect(report.queries.map((query) => query.name)).toEqual([
      "point lookup",
      "indexed join",
      "1,000-row range",
      "full-text match",
    ]);
    expect(readdirSync(folder.at("tmp"))).toEqual([]);
  });

  it("says what it found in the shape that is promised, and leaves FILE alone", async () => {
    writeForum(folder.at("forum.db"), FORUM_SIZE_SMALL, 3);
    const before = fingerprint("forum.db");
    expect(Object.keys(before)).toEqual(["forum.db", "forum.db-wal"]);
    const report = reportOf(await demo(["--db", folder.at("forum.db"), "--json"]));
    const number = expect.any(Number);
    expect(report).toEqual({
      ok: true,
      database: { bytes: number, pages: number, pageSize: 4096 },
      import: { seconds: number, bytesPerSecond: number, requests: number, segments: number },
      open: { requests: number, bytes: number, objectStoreRequests: number },
      queries: [
        "key lookup",
        "first index",
        "range of 1,000",
        "count of the smallest table",
        "full-text match",
      ].map((name) => ({
        name,
        requests: number,
        pages: number,
        bytes: number,
        ms: number,
        equalsStock: true,
      })),
      push: { requests: number, bytes: number },
      conflict: {
        status: "diverged",
        localRowsKept: true,
        resetOk: true,
        savedFile: expect.stringMatching(/\.db$/),
      },
      restart: { requests: number },
      export: { integrity: "ok", tablesEqual: true },
    });
    expect(report.open.requests).toBeLessThanOrEqual(2);
    expect(fingerprint("forum.db")).toEqual(before);
  });

  it.each([1024, 65_536])("holds on a database with pages of %d bytes", async (pageSize) => {
    makeDatabase(folder.at("pages.db"), `PRAGMA page_size = ${pageSize}`);
    const report = reportOf(await demo(["--db", folder.at("pages.db"), "--json"]));
    expect(report).toMatchObject({ ok: true, database: { pageSize } });
  });

  it("lists what a database cannot be asked as skipped", async () => {
    const database = new DatabaseSync(folder.at("bare.db"));
    database.exec("CREATE TABLE graft_demo (a); INSERT INTO graft_demo VALUES (1)");
    database.close();
    const report = reportOf(await demo(["--db", folder.at("bare.db"), "--json"]));
    expect(report.ok).toBe(true);
    const skipped = report.queries.filter((query) => "skipped" in query).map(({ name }) => name);
    expect(skipped).toEqual(["first index", "full-text match"]);
  });

  it("prints a table for a person", async () => {
    makeDatabase(folder.at("notes.db"));
    const { code, stdout } = await demo(["--db", folder.at("notes.db")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^key lookup +\d+ +\d+ .* equal$/m);
    expect(stdout).toContain("everything held.");
  });

  it("refuses what is no database, in one line", async () => {
    writeFileSync(
      folder.at("text.db"),
      "not a database, but long enough to be looked at".repeat(9),
    );
    const run = await demo(["--db", folder.at("text.db")]);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/^graft: .*text\.db.*\n$/);
    expect((await demo(["--db", folder.at("nowhere.db")])).code).toBe(2);
    expect((await demo(["--store", "memory:"])).code).toBe(2);
    expect(readdirSync(folder.at("tmp"))).toEqual([]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("leaves nothing behind on %s", async (signal) => {
    makeDatabase(folder.at("notes.db"));
    const child = spawnGraft(["demo", "--db", folder.at("notes.db")], {
      env: { TMPDIR: folder.at("tmp") },
    });
    await new Promise((resolve) => child.stderr?.once("data", resolve));
    child.kill(signal);
    expect(await exitOf(child)).toBe(1);
    expect(readdirSync(folder.at("tmp"))).toEqual([]);
    expect(processesThatName(folder.path)).toEqual([]);
  });

  it("leaves no process behind when it is killed itself", async () => {
    makeDatabase(folder.at("notes.db"));
    const child = spawnGraft(["demo", "--db", folder.at("notes.db")], {
      env: { TMPDIR: folder.at("tmp") },
    });
    await new Promise((resolve) => child.stderr?.once("data", resolve));
    child.kill("SIGKILL");
    await exitOf(child);
    await expect.poll(() => processesThatName(folder.path), { timeout: 60_000 }).toEqual([]);
  });
});

/** Command lines of processes that have the text in them; none where there is no /proc. */
function processesThatName(text: string): readonly string[] {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.map(commandLine).filter((line) => line.includes(text));
}

function commandLine(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}
