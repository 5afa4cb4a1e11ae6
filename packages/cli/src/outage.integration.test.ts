/** A server that cannot be reached: what is here stays readable, and local commits go on. */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, runGraft, startGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

let folder: TemporaryFolder;
let url: string;
let store: string;

beforeAll(async () => {
  folder = createTemporaryFolder();
  makeDatabase(folder.at("notes.db"));
  store = `file:${folder.at("store")}`;
  await using server = await startGraft(["serve", "--port", "0", "--store", store]);
  url = server.url;
  const words = ["import", folder.at("notes.db"), "--tag", "notes", ...place()];
  await graftJson(words);
  await graftJson(["sql", "notes", "SELECT * FROM notes WHERE id = 7", ...place()]);
  await server.stop();
});

afterAll(() => folder?.[Symbol.dispose]());

function place(at: string = url): readonly string[] {
  return ["--url", at, "--path", folder.at("data")];
}

describe("without a server", () => {
  it("local pages are read, local commits are made, and both survive", async () => {
    const read = ["sql", "notes", "SELECT kind FROM notes WHERE id = 7", ...place()];
    expect(await graftJson(read)).toEqual([{ kind: "kind 7" }]);
    await graftJson(["sql", "notes", "UPDATE notes SET body = 'x' WHERE id = 7", ...place()]);
    const [status] = await graftJson(["status", "notes", ...place()]);
    expect(status).toMatchObject({ state: "pending", local: { pending: 1 } });
  });

  it.each([
    ["a page that is not here", ["sql", "notes", "SELECT sum(id) FROM notes"]],
    ["a push", ["push", "notes"]],
    ["a pull", ["pull", "notes"]],
    ["a log", ["log", "notes"]],
    ["a hydrate", ["hydrate", "notes"]],
  ])("%s fails with what is unreachable and since when", async (_what, words) => {
    const startMs = Date.now();
    const run = await runGraft([...words, ...place()]);
    expect(run.code).toBe(1);
    // What was committed here and not yet sent is told all the same.
    expect(run.stdout).toMatch(words[0] === "log" ? /^pending .*\n$/ : /^$/);
    const told = new RegExp(`^graft: [^\\n]*${url} is unreachable since (\\S+Z): [^\\n]*\\n$`);
    const since = Date.parse(told.exec(run.stderr)?.[1] ?? "");
    expect(since).toBeGreaterThanOrEqual(startMs);
    expect(since).toBeLessThanOrEqual(Date.now());
  });

  it("an export of a partial replica leaves no file behind", async () => {
    const run = await runGraft(["export", "notes", folder.at("out/of/reach.db"), ...place()]);
    expect(run.code).toBe(1);
    const again = await runGraft(["export", "notes", folder.at("partial.db"), ...place()]);
    expect(again.code).toBe(1);
    expect(readdirSync(folder.path).filter((name) => name.startsWith("partial"))).toEqual([]);
  });

  it("the work is pushed when a server is back", async () => {
    await using server = await startGraft(["serve", "--port", "0", "--store", store]);
    const [pushed] = await graftJson(["push", "notes", ...place(server.url)]);
    expect(pushed).toMatchObject({ pushed: true, lsn: 2, commits: 1 });
    await server.stop();
  });
});
