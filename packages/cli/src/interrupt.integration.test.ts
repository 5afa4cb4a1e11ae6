/** Ctrl-C leaves nothing broken. */
import { readdirSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { FORUM_SIZE_SMALL, writeForum } from "./demo/forum-database.ts";
import { exitOf, graftJson, spawnGraft } from "./testing/run-graft.ts";
import { serveFolder } from "./testing/served-folder.ts";

const served = serveFolder();
let volume: string;

beforeAll(async () => {
  writeForum(served.at("forum.db"), { ...FORUM_SIZE_SMALL, posts: 20_000 }, 7);
  volume = await served.importFile("forum.db", "forum", "whole");
});

/** Runs a command and interrupts it as soon as it tells of progress. */
async function interrupt(words: readonly string[]): Promise<{ code: number | null; said: string }> {
  const child = spawnGraft(words);
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    if (said === "") child.kill("SIGINT");
    said += text;
  });
  return { code: await exitOf(child), said };
}

describe("an interrupted command", () => {
  it("import leaves no tag, and the same import then works", async () => {
    const words = ["import", served.at("forum.db"), "--tag", "forum", ...served.place("import")];
    const { code, said } = await interrupt(words);
    expect(code).toBe(1);
    expect(said).toContain("interrupted");
    expect(await graftJson(["status", ...served.place("import")])).toEqual([]);
    await graftJson(words);
  });

  it("export leaves no file, not even a part of one", async () => {
    await graftJson(["clone", volume, "--tag", "forum", ...served.place("export")]);
    const words = ["export", "forum", served.at("out.db"), ...served.place("export")];
    const { code, said } = await interrupt(words);
    expect(code).toBe(1);
    expect(said).toContain("interrupted");
    expect(readdirSync(served.path).filter((name) => name.startsWith("out.db"))).toEqual([]);
    await graftJson(words);
  });

  it("hydrate keeps what has come, and goes on from there", async () => {
    await graftJson(["clone", volume, "--tag", "forum", ...served.place("hydrate")]);
    const { code } = await interrupt(["hydrate", "forum", ...served.place("hydrate")]);
    expect(code).toBe(1);
    const [hydrated] = await graftJson(["hydrate", "forum", ...served.place("hydrate")]);
    expect(Number(hydrated?.fetchedPages)).toBeLessThan(Number(hydrated?.pages));
    expect(hydrated?.cachedPages).toBe(hydrated?.pages);
  });

  it("sql inside a transaction rolls it back", async () => {
    await graftJson(["clone", volume, "--tag", "forum", ...served.place("sql")]);
    const child = spawnGraft(["sql", "forum", ...served.place("sql")]);
    child.stdin?.write("BEGIN;\nDELETE FROM likes;\nSELECT 'deleted';\n");
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(1);
    const [status] = await graftJson(["status", "forum", ...served.place("sql")]);
    expect(status).toMatchObject({ state: "synced", local: { pending: 0 } });
  });
});
