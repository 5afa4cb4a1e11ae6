import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import {
  exitOf,
  graftJson,
  parseRows,
  runGraft,
  spawnGraft,
  startGraft,
} from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

let folder: TemporaryFolder;

beforeAll(() => {
  folder = createTemporaryFolder();
  makeDatabase(folder.at("notes.db"));
});

afterAll(() => folder?.[Symbol.dispose]());

describe("a server", () => {
  it.each([
    ["serve", []],
    ["metastore", []],
    ["pagestore", ["--metastore", "http://127.0.0.1:1"]],
  ])("graft %s listens, tells how it is, and stops in order on SIGTERM", async (verb, words) => {
    await using server = await startGraft([verb, "--port", "0", "--store", "memory:", ...words]);
    const health = await fetch(`${server.url}/healthz`);
    expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(
      /^graft_object_store_requests_total\{operation="create",kind="other"\} \d+$/m,
    );
    expect(await server.stop("SIGTERM")).toBe(0);
    const lines = parseRows(server.stderr());
    expect(lines.map((line) => line.msg)).toContain("draining");
    for (const line of lines)
      expect(line).toMatchObject({ level: "info", role: expect.anything() });
  });

  it("starts as graft start in a folder of its own, and tells what to type next", async () => {
    const port = String(41_000 + (process.pid % 10_000));
    const child = spawnGraft(["start", "--port", port], { cwd: folder.path });
    const text = await new Promise<string>((resolve) => {
      child.stdout?.setEncoding("utf8").once("data", resolve);
    });
    expect(text).toContain(`http://127.0.0.1:${port}`);
    expect(text).toContain("graft import");
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(0);
  });

  it("is two servers when it is asked to be", async () => {
    const store = `file:${folder.at("two")}`;
    await using metastore = await startGraft(["metastore", "--port", "0", "--store", store]);
    const words = ["pagestore", "--port", "0", "--store", store, "--metastore", metastore.url];
    await using pagestore = await startGraft(words);
    const env = { GRAFT_URL: metastore.url, GRAFT_PAGESTORE_URL: pagestore.url };
    const [imported] = await graftJson(
      ["import", folder.at("notes.db"), "--tag", "notes", "--path", folder.at("two-a")],
      { env },
    );
    const clone = ["clone", String(imported?.volume), "--tag", "notes"];
    await graftJson([...clone, "--path", folder.at("two-b")], { env });
    const sql = ["sql", "notes", "SELECT count(*) AS n FROM notes"];
    expect(await graftJson([...sql, "--path", folder.at("two-b")], { env })).toEqual([{ n: 1000 }]);
  });

  it("keeps nothing: after kill -9 another one on the same store goes on", async () => {
    const store = `file:${folder.at("killed")}`;
    const path = ["--path", folder.at("killed-data")];
    await using first = await startGraft(["serve", "--port", "0", "--store", store]);
    await graftJson([
      ...["import", folder.at("notes.db"), "--tag", "notes", "--url", first.url, ...path],
    ]);
    await first.stop("SIGKILL");
    await using second = await startGraft(["serve", "--port", "0", "--store", store]);
    const sql = ["sql", "notes", "DELETE FROM notes WHERE id = 1; SELECT count(*) AS n FROM notes"];
    expect(await graftJson([...sql, "--url", second.url, ...path])).toEqual([{ n: 999 }]);
    const [pushed] = await graftJson(["push", "notes", "--url", second.url, ...path]);
    expect(pushed).toMatchObject({ pushed: true, lsn: 2 });
  });
});

describe("a server with --cache", () => {
  it("reads frames from there after a restart", async () => {
    const store = `file:${folder.at("cached")}`;
    const cache = folder.at("cached-frames");
    const words = ["serve", "--port", "0", "--store", store, "--cache", cache];
    const sql = "SELECT sum(length(body)) AS n FROM notes";
    const diskHits = async (url: string): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/reads_total\{what="frame",tier="disk"\} (\d+)/.exec(text)?.[1] ?? 0);
    };
    let volume = "";
    /** A clone with nothing local reads everything; answers the rows, and what the disk gave. */
    const readAll = async (name: string): Promise<readonly unknown[]> => {
      await using server = await startGraft(words);
      const path = ["--url", server.url, "--path", folder.at(name)];
      if (volume === "") {
        const origin = ["--url", server.url, "--path", folder.at("cached-origin")];
        const rows = await graftJson(["import", folder.at("notes.db"), "--tag", "a", ...origin]);
        volume = String(rows[0]?.volume);
      }
      await graftJson(["clone", volume, "--tag", "b", ...path]);
      const rows = await graftJson(["sql", "b", sql, ...path]);
      const hits = await diskHits(server.url);
      expect(await server.stop("SIGTERM")).toBe(0);
      return [rows, hits];
    };
    const [rows, before] = await readAll("cached-1");
    expect(before).toBe(0);
    const [again, after] = await readAll("cached-2");
    expect(again).toEqual(rows);
    expect(after).toBeGreaterThan(0);
  });

  it("refuses a size that is none", async () => {
    const run = await runGraft(["serve", "--store", "memory:", "--cache-mib", "1.5"]);
    expect([run.code, run.stderr]).toEqual([
      2,
      "graft: --cache-mib 1.5: expected a whole number, 0 … 1048576\n",
    ]);
  });
});

describe("help", () => {
  it("lists the commands, and tells each one's flags", async () => {
    const list = await runGraft(["help"]);
    expect(list.code).toBe(0);
    // All that the design names, and nothing else: a new verb is to be told of here.
    const verbs =
      "demo start serve metastore pagestore import clone sql push pull status log fetch hydrate " +
      "rebase outbox reset export inspect fsck token doctor bench";
    const listed = [...list.stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, verb]) => verb);
    expect(listed).toEqual(verbs.split(" "));
    for (const verb of verbs.split(" ")) {
      expect(list.stdout).toMatch(new RegExp(`^  ${verb} `, "m"));
      const one = await runGraft(["help", verb]);
      expect(one.stdout).toContain(`usage: graft ${verb}`);
      expect(one.stdout).toContain("--json");
    }
    expect(list.stdout).not.toContain("demo-replica");
  });
});
