/** Ctrl-C leaves nothing broken. */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FORUM_SIZE_SMALL, writeForum } from "./demo/forum-database.ts";
import {
  exitOf,
  type GraftServer,
  graftJson,
  spawnGraft,
  startGraft,
} from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

let folder: TemporaryFolder;
let server: GraftServer;
let volume: string;

beforeAll(async () => {
  folder = createTemporaryFolder();
  writeForum(folder.at("forum.db"), { ...FORUM_SIZE_SMALL, posts: 20_000 }, 7);
  server = await startGraft(["serve", "--port", "0", "--store", `file:${folder.at("store")}`]);
  const words = ["import", folder.at("forum.db"), "--tag", "forum", ...place("whole")];
  const [imported] = await graftJson(words);
  volume = String(imported?.volume);
});

afterAll(async () => {
  await server?.stop();
  folder?.[Symbol.dispose]();
});

function place(name: string): readonly string[] {
  return ["--url", server.url, "--path", folder.at(name)];
}

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
    const words = ["import", folder.at("forum.db"), "--tag", "forum", ...place("import")];
    const { code, said } = await interrupt(words);
    expect(code).toBe(1);
    expect(said).toContain("interrupted");
    expect(await graftJson(["status", ...place("import")])).toEqual([]);
    await graftJson(words);
  });

  it("export leaves no file, not even a part of one", async () => {
    await graftJson(["clone", volume, "--tag", "forum", ...place("export")]);
    const words = ["export", "forum", folder.at("out.db"), ...place("export")];
    const { code, said } = await interrupt(words);
    expect(code).toBe(1);
    expect(said).toContain("interrupted");
    expect(readdirSync(folder.path).filter((name) => name.startsWith("out.db"))).toEqual([]);
    await graftJson(words);
  });

  it("hydrate keeps what has come, and goes on from there", async () => {
    await graftJson(["clone", volume, "--tag", "forum", ...place("hydrate")]);
    const { code } = await interrupt(["hydrate", "forum", ...place("hydrate")]);
    expect(code).toBe(1);
    const [hydrated] = await graftJson(["hydrate", "forum", ...place("hydrate")]);
    expect(Number(hydrated?.fetchedPages)).toBeLessThan(Number(hydrated?.pages));
    expect(hydrated?.cachedPages).toBe(hydrated?.pages);
  });

  it("sql inside a transaction rolls it back", async () => {
    await graftJson(["clone", volume, "--tag", "forum", ...place("sql")]);
    const child = spawnGraft(["sql", "forum", ...place("sql")]);
    child.stdin?.write("BEGIN;\nDELETE FROM likes;\nSELECT 'deleted';\n");
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(1);
    const [status] = await graftJson(["status", "forum", ...place("sql")]);
    expect(status).toMatchObject({ state: "synced", local: { pending: 0 } });
  });
});
