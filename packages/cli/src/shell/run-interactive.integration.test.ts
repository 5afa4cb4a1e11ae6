/** The shell as it is typed into: a terminal's two streams, and what a person sees. */
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { Runtime } from "@graft/client";
import { openNodeRemote } from "@graft/client/node";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { Database } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTemporaryFolder, type TemporaryFolder } from "../testing/temporary-folder.ts";
import { History } from "./history.ts";
import { runInteractive } from "./run-interactive.ts";

let folder: TemporaryFolder;

beforeEach(() => {
  folder = createTemporaryFolder();
});

afterEach(() => folder[Symbol.dispose]());

/** Types lines, each when the one before has been answered, and leaves. */
async function type(lines: readonly string[]): Promise<{ written: string; noted: string }> {
  const remote = openNodeRemote({ url: "http://127.0.0.1:1" });
  await using runtime = await Runtime.open({ remote, clock: systemClock, random: systemRandom });
  const volume = await runtime.createVolume();
  const engine = await loadNodeEngine();
  await using database = new Database({ volume, engine, clock: systemClock, random: systemRandom });
  const [input, output] = [new PassThrough(), new PassThrough()];
  let promptCount = 0;
  output.on("data", (part: Buffer) => {
    if (/(>|…) $/.test(stripVTControlCharacters(part.toString()))) promptCount++;
  });
  const [written, noted]: [string[], string[]] = [[], []];
  const history = await History.open(nodeFileSystem, folder.at("sql-history"));
  const shell = runInteractive(
    {
      database,
      volume,
      tag: "t",
      clock: systemClock,
      traffic: () => remote.traffic(),
      write: (text) => void written.push(text),
      note: (line) => void noted.push(line),
      mode: "list",
      isTiming: false,
    },
    {
      input: input as unknown as NodeJS.ReadStream,
      output: output as unknown as NodeJS.WriteStream,
      history,
      signal: new AbortController().signal,
    },
  );
  await expect.poll(() => promptCount).toBe(1);
  for (const line of lines) {
    const before = promptCount;
    input.write(`${line}\r`);
    if (line === ".quit") await shell;
    else await expect.poll(() => promptCount, { timeout: 10_000 }).toBeGreaterThan(before);
  }
  input.end();
  await shell;
  return { written: written.join(""), noted: noted.join("\n") };
}

describe("the interactive shell", () => {
  it("takes a statement over lines, and goes on after errors", async () => {
    const { written, noted } = await type([
      "CREATE TABLE a (x);",
      "INSERT INTO a VALUES (1),",
      "(2);",
      "SELECT * FROM nowhere;",
      ".nonsense",
      "SELECT sum(x) FROM a;",
      ".quit",
    ]);
    expect(written).toBe("3\n");
    expect(noted).toContain("error: no such table: nowhere");
    expect(noted).toContain("error: .nonsense: no such command");
  });

  it("carries a transaction over lines", async () => {
    const { written } = await type([
      "CREATE TABLE a (x);",
      "BEGIN;",
      "INSERT INTO a VALUES (1);",
      "SELECT count(*) FROM a;",
      "ROLLBACK;",
      "SELECT count(*) FROM a;",
      ".quit",
    ]);
    expect(written).toBe("1\n0\n");
  });

  it("forgets a begun statement on Ctrl-C, and does not end", async () => {
    const { written } = await type(["SELECT 'never',", "\u0003", "SELECT 'now';", ".quit"]);
    expect(written).toBe("now\n");
  });

  it("remembers what was typed", async () => {
    await type(["SELECT 1;", ".quit"]);
    const history = await History.open(nodeFileSystem, folder.at("sql-history"));
    expect(history.lines).toEqual([".quit", "SELECT 1;"]);
  });

  it("ends with its input", async () => {
    const { written } = await type(["SELECT 1;"]);
    expect(written).toBe("1\n");
  });
});
