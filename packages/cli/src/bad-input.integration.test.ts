/** Bad input gets one clear line with what was expected, exit code 2 or 1, and nothing changed. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { exitOf, graftJson, type Run, runGraft, spawnGraft } from "./testing/run-graft.ts";
import { serveFolder } from "./testing/served-folder.ts";

const served = serveFolder();
let volume: string;

beforeAll(async () => {
  makeDatabase(served.at("notes.db"));
  volume = await served.importFile("notes.db", "notes", "data");
});

/** One line on stderr, nothing on stdout. */
function expectRefusal(run: Run, code: number, ...parts: readonly (string | RegExp)[]): void {
  expect(run.stderr).toMatch(/^graft: [^\n]+\n$/);
  for (const part of parts) expect(run.stderr).toMatch(part);
  expect(run.stdout).toBe("");
  expect(run.code).toBe(code);
}

function volumesInStore(): readonly string[] {
  return readdirSync(served.at("store/volumes")).sort();
}

describe("a file that cannot be imported", () => {
  it.each<readonly [string, (path: string) => void, number, readonly (string | RegExp)[]]>([
    [
      "is not SQLite",
      (path) => writeFileSync(path, "hello, I am a text ".repeat(100)),
      2,
      [/SQLite/],
    ],
    ["is empty", (path) => writeFileSync(path, ""), 2, [/empty/]],
    ["is a directory", (path) => mkdirSync(path), 2, [/directory/]],
    [
      "was cut off",
      (path) => writeFileSync(path, readFileSync(served.at("notes.db")).subarray(0, 40_000)),
      1,
      [/page/, /expected|cut off/],
    ],
    [
      "has a damaged page",
      (path) => {
        const bytes = readFileSync(served.at("notes.db"));
        bytes.fill(0xa5, 8 * 4096, 9 * 4096);
        writeFileSync(path, bytes);
      },
      1,
      [/page 9/],
    ],
  ])("because it %s is refused, and nothing changed", async (what, make, code, parts) => {
    const path = served.at(`${what.replaceAll(" ", "-")}.db`);
    make(path);
    const before = volumesInStore();
    const run = await runGraft(["import", path, "--tag", "bad", ...served.place("data")]);
    expectRefusal(run, code, ...parts);
    expect(volumesInStore()).toEqual(before);
    const rows = await graftJson(["status", ...served.place("data")]);
    expect(rows.map((row) => row.tag)).toEqual(["notes"]);
  });

  it("because it is not there is refused", async () => {
    const words = ["import", served.at("nowhere.db"), "--tag", "bad", ...served.place("data")];
    expectRefusal(await runGraft(words), 1, /nowhere\.db/);
  });
});

describe("an unknown name", () => {
  it.each([
    ["sql", ["SELECT 1"]],
    ["push", []],
    ["pull", []],
    ["status", []],
    ["log", []],
    ["hydrate", []],
    ["fetch", []],
    ["reset", []],
    ["export", ["out.db"]],
  ])("of a replica is refused by graft %s", async (verb, rest) => {
    const run = await runGraft([verb, "nosuch", ...rest, ...served.place("data")]);
    expectRefusal(run, 1, /no tag "nosuch"/, /there are: notes/);
  });

  it("of a data directory is refused, and none is made", async () => {
    const run = await runGraft(["status", "notes", ...served.place("slip")]);
    expectRefusal(run, 1, /no data directory/);
    expect(existsSync(served.at("slip"))).toBe(false);
  });

  it("of a volume is refused, and no tag is left", async () => {
    const unknown = `${volume.slice(0, 14)}AAAAAAAA`;
    const run = await runGraft(["clone", unknown, "--tag", "ghost", ...served.place("data")]);
    expectRefusal(run, 1, new RegExp(unknown));
    const rows = await graftJson(["status", ...served.place("data")]);
    expect(rows.map((row) => row.tag)).toEqual(["notes"]);
  });

  it("that is no volume id is refused as wrong usage", async () => {
    const run = await runGraft(["clone", "forum", "--tag", "ghost", ...served.place("data")]);
    expectRefusal(run, 2, /volume id/, /expected/);
  });

  it("that is no tag is refused before anything is sent", async () => {
    const words = ["import", served.at("notes.db"), "--tag", "a/b", ...served.place("data")];
    const before = volumesInStore();
    expectRefusal(await runGraft(words), 2, /tag "a\/b"/);
    expect(volumesInStore()).toEqual(before);
  });

  it("of a command, a flag or too many arguments is refused as wrong usage", async () => {
    expectRefusal(await runGraft(["frobnicate"]), 2, /no such command/);
    expectRefusal(await runGraft(["constructor"]), 2, /no such command/);
    expectRefusal(await runGraft(["help", "frobnicate"]), 2, /no such command/);
    expectRefusal(await runGraft(["push", "notes", "--fast"]), 2, /--fast/);
    expectRefusal(await runGraft(["push", "notes", "more"]), 2, /expected TAG/);
    expectRefusal(await runGraft(["clone", volume]), 2, /--tag is missing/);
  });
});

describe("a data directory", () => {
  it("whose tag names another volume refuses the clone", async () => {
    const words = ["import", served.at("notes.db"), "--tag", "other", ...served.place("data-2")];
    const [other] = await graftJson(words);
    const run = await runGraft([
      "clone",
      String(other?.volume),
      "--tag",
      "notes",
      ...served.place("data"),
    ]);
    expectRefusal(run, 2, /tag "notes"/, new RegExp(volume));
  });

  it("with the files of another volume is refused, and not written to", async () => {
    cpSync(served.at("data"), served.at("mixed"), { recursive: true });
    const words = ["import", served.at("notes.db"), "--tag", "other", ...served.place("mixed")];
    const [other] = await graftJson(words);
    await graftJson(["sql", "other", "DELETE FROM notes", ...served.place("mixed")]);
    const [one, two] = [volume, String(other?.volume)].map((id) =>
      served.at(`mixed/volumes/${id}`),
    );
    renameSync(String(one), served.at("aside"));
    renameSync(String(two), String(one));
    renameSync(served.at("aside"), String(two));
    const before = listing(String(one));
    const run = await runGraft([
      "sql",
      "notes",
      "SELECT count(*) FROM notes",
      ...served.place("mixed"),
    ]);
    expect(run.code).toBeGreaterThan(0);
    expectRefusal(run, run.code ?? 0, new RegExp(volume), new RegExp(String(other?.volume)));
    expect(listing(String(one))).toEqual(before);
  });

  it("of a newer format is refused, and not written to", async () => {
    cpSync(served.at("data"), served.at("newer"), { recursive: true });
    const path = served.at("newer/directory.json");
    const text = readFileSync(path, "utf8").replace('"version": 2', '"version": 99');
    writeFileSync(path, text);
    const run = await runGraft(["status", "notes", ...served.place("newer")]);
    expectRefusal(run, 2, /format version 99/, /newer program/);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("that another process uses is used beside it: neither waits, both see what was written", async () => {
    const holder = await holdOpen("data");
    try {
      const words = ["notes", ...served.place("data")];
      const before = await runGraft(["status", ...words]);
      expect(before).toMatchObject({ code: 0, stderr: "" });
      const sql = "CREATE TABLE beside(x); INSERT INTO beside VALUES('by another')";
      expect(await runGraft(["sql", ...words, sql])).toMatchObject({ code: 0, stderr: "" });
      expect(await holder.ask("SELECT x FROM beside;")).toContain("by another");
      await holder.ask("INSERT INTO beside VALUES('by the holder') RETURNING x;");
      const seen = await runGraft(["sql", ...words, "SELECT x FROM beside"]);
      expect(seen.stdout).toContain("by the holder");
      expect((await runGraft(["fsck", ...served.place("data").slice(-2)])).stderr).toContain(
        "is used by",
      );
    } finally {
      await holder.end();
    }
  });

  it("that is a file is refused", async () => {
    writeFileSync(served.at("a-file"), "");
    const words = ["import", served.at("notes.db"), "--tag", "x", ...served.place("a-file")];
    expectRefusal(await runGraft(words), 2, /is a file/);
  });
});

describe("a server", () => {
  it("on a port in use is refused", async () => {
    const holder = createServer();
    const port = await new Promise<number>((resolve) => {
      holder.listen(0, "127.0.0.1", () => {
        const address = holder.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    const words = ["serve", "--port", String(port), "--store", "memory:", "--log-level", "silent"];
    expectRefusal(
      await runGraft(words),
      1,
      new RegExp(`127\\.0\\.0\\.1:${port}`),
      /in use|EADDRINUSE/,
    );
    holder.close();
  });

  it.each([
    ["ftp://somewhere", 2, /unknown object store/],
    ["s3://", 2, /s3/],
    ["file:", 2, /folder/],
  ])("with the store %s is refused", async (store, code, part) => {
    const words = ["serve", "--port", "0", "--store", store, "--log-level", "silent"];
    expectRefusal(await runGraft(words), code, part);
  });

  it("without a store, or with a port that is none, is refused", async () => {
    expectRefusal(await runGraft(["serve"]), 2, /--store is missing/);
    expectRefusal(await runGraft(["serve", "--store", "memory:", "--port", "x"]), 2, /--port x/);
  });

  it("whose store cannot be written is refused", async () => {
    writeFileSync(served.at("not-a-folder"), "");
    const store = `file:${served.at("not-a-folder")}`;
    const words = ["serve", "--port", "0", "--store", store, "--log-level", "silent"];
    expectRefusal(await runGraft(words), 1, /not-a-folder/);
  });
});

describe("a request over a limit", () => {
  it("is refused, and the work is still there to be pushed", async () => {
    await graftJson(["clone", volume, "--tag", "notes", ...served.place("limit")]);
    await graftJson(["sql", "notes", "DELETE FROM notes WHERE id = 1", ...served.place("limit")]);
    const words = ["push", "notes", "--message", "x".repeat(5_000), ...served.place("limit")];
    const run = await runGraft(words);
    expect(run.code).toBeGreaterThan(0);
    expectRefusal(run, run.code ?? 0, /4096|4 KiB|at most/);
    expect((await graftJson(["status", "notes", ...served.place("limit")]))[0]).toMatchObject({
      state: "pending",
      local: { pending: 1 },
    });
    expect((await graftJson(["push", "notes", ...served.place("limit")]))[0]).toMatchObject({
      pushed: true,
    });
  });
});

function listing(path: string): readonly string[] {
  return readdirSync(path, { recursive: true }).map(String).sort();
}

interface Holder {
  /** What a statement prints. */
  ask(sql: string): Promise<string>;
  end(): Promise<void>;
}

/** A shell that keeps a data directory open until it is told to end. */
async function holdOpen(name: string): Promise<Holder> {
  const child = spawnGraft(["sql", "notes", ...served.place(name)]);
  const ask = async (sql: string): Promise<string> => {
    const answer = new Promise<string>((resolve) =>
      child.stdout?.once("data", (data) => resolve(String(data))),
    );
    child.stdin?.write(`${sql}\n`);
    return answer;
  };
  await ask("SELECT 'open';");
  return {
    ask,
    end: async () => {
      child.stdin?.end();
      await exitOf(child);
    },
  };
}
