/** Damaged bytes are named and never served; a damaged cache entry is dropped and fetched again. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, parseRows, runGraft, startGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./testing/temporary-folder.ts";

const COUNT = "SELECT count(*) AS n, sum(length(body)) AS s FROM notes";

let folder: TemporaryFolder;
let expected: unknown;
let volume: string;
let run = 0;

beforeAll(() => {
  folder = createTemporaryFolder();
  makeDatabase(folder.at("notes.db"));
});

afterAll(() => folder?.[Symbol.dispose]());

/** A store and a data directory of its own for each test. */
beforeEach(async () => {
  run++;
  await withServer(async (url) => {
    const words = ["import", folder.at("notes.db"), "--tag", "notes", ...place(url, "first")];
    const [imported] = await graftJson(words);
    volume = String(imported?.volume);
    [expected] = await graftJson(["sql", "notes", COUNT, ...place(url, "first")]);
  });
});

function place(url: string, name: string): readonly string[] {
  return ["--url", url, "--path", folder.at(`${name}-${run}`)];
}

async function withServer(use: (url: string) => Promise<void>): Promise<void> {
  const store = `file:${folder.at(`store-${run}`)}`;
  await using server = await startGraft(["serve", "--port", "0", "--store", store]);
  await use(server.url);
  await server.stop();
}

function filesUnder(path: string): readonly string[] {
  const names = readdirSync(path, { recursive: true }).map((name) => join(path, String(name)));
  return names.filter((name) => statSync(name).isFile());
}

/** Turns bits of a file over, at these shares of its length. */
function damage(path: string, shares: readonly number[]): void {
  const bytes = readFileSync(path);
  for (const share of shares) {
    const at = Math.floor(share * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  }
  writeFileSync(path, bytes);
}

describe("in the object store", () => {
  it("a damaged segment is named, and nothing of the damaged part is served", async () => {
    const folderOfSegments = folder.at(`store-${run}/volumes/${volume}/segments`);
    const names = readdirSync(folderOfSegments);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) damage(join(folderOfSegments, name), [0.2, 0.4, 0.6]);
    await withServer(async (url) => {
      await graftJson(["clone", volume, "--tag", "notes", ...place(url, "second")]);
      const { code, stdout, stderr } = await runGraft([
        ...["sql", "notes", COUNT, ...place(url, "second")],
      ]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^graft: [^\n]*\n$/);
      expect(names.some((name) => stderr.includes(name))).toBe(true);
    });
  });

  it("a damaged commit is named, and no replica is made of it", async () => {
    damage(folder.at(`store-${run}/volumes/${volume}/log/0000000000000001`), [0.5]);
    await withServer(async (url) => {
      const words = ["clone", volume, "--tag", "notes", ...place(url, "second")];
      const { code, stdout, stderr } = await runGraft(words);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(`volumes/${volume}/log/0000000000000001`);
      expect(await graftJson(["status", ...place(url, "second")])).toEqual([]);
    });
  });
});

describe("in the data directory", () => {
  it("damaged cached pages are dropped and fetched again", async () => {
    const path = folder.at(`first-${run}/volumes/${volume}`);
    const largest = filesUnder(path).toSorted((a, b) => statSync(b).size - statSync(a).size)[0];
    damage(String(largest), [0.3, 0.5, 0.7, 0.9]);
    await withServer(async (url) => {
      const words = ["sql", "notes", COUNT, "--timing", "--json", ...place(url, "first")];
      const { stdout, stderr } = await runGraft(words);
      expect(parseRows(stdout)).toEqual([expected]);
      expect(Number(/(\d+) request\(s\)/.exec(stderr)?.[1])).toBeGreaterThan(0);
    });
  });

  it("a damaged list of volumes is named, and not written over", async () => {
    const path = folder.at(`first-${run}/directory.json`);
    damage(path, [0.5]);
    const before = readFileSync(path);
    const nowhere = place("http://127.0.0.1:1", "first");
    const { code, stderr } = await runGraft(["status", "notes", ...nowhere]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^graft: [^\n]*directory\.json[^\n]*\n$/);
    expect(readFileSync(path)).toEqual(before);
  });
});
