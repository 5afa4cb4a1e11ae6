import { formatLocalKey, parseLocalKey } from "@graft/auth";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { parseArguments } from "../arguments.ts";
import { Output } from "../output.ts";
import type { Surroundings } from "../surroundings.ts";
import { token } from "./token.ts";

const KEY = formatLocalKey(parseLocalKey("07".repeat(32)));
const clock = new SimulatedClock();

/** What the command says on stdout. */
async function run(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let [told, noted] = ["", ""];
  const stdout = { write: (text: string) => (told += text) } as never;
  const stderr = { write: (text: string) => (noted += text) } as never;
  const surroundings = {
    clock,
    random: new SeededRandom(1),
    fileSystem: new SimulatedDisk({ clock }),
    environment: env,
  } as Partial<Surroundings> as Surroundings;
  await token.run({
    ...parseArguments(token, words, env),
    output: new Output({ isJson: words.includes("--json"), stdout, stderr }),
    surroundings,
    signal: new AbortController().signal,
  });
  return { told, noted };
}

const create = (...flags: readonly string[]) =>
  run(["create", ...flags], { GRAFT_TOKEN_KEYS: KEY }).then(async ({ told }) => told.trim());
const inspected = async (text: string): Promise<Record<string, unknown>> =>
  JSON.parse((await run(["inspect", text, "--json"], { GRAFT_TOKEN_KEYS: KEY })).told);

describe("graft token create", () => {
  it("makes what the flags say", async () => {
    const made = await create(
      ...["--subject", "ada", "--expires", "7d", "--volume", "5r*,*", "--access", "write,create"],
      ...["--max-lsn", "9", "--max-bytes", "4096"],
    );
    expect(await inspected(made)).toMatchObject({
      genuine: true,
      subject: "ada",
      expires: "2026-01-08T00:00:00.000Z",
      scopes: [{ volumes: ["5r*", "*"], access: ["write", "create"], maxLsn: 9, maxBytes: 4096 }],
    });
  });

  it("gives everything when no right is named, and says so", async () => {
    const { noted } = await run(["create"], { GRAFT_TOKEN_KEYS: KEY });
    expect(noted).toContain("everything, on every volume");
    expect(await inspected(await create())).toMatchObject({ scopes: null, expires: null });
    expect(await inspected(await create("--read-only"))).toMatchObject({
      scopes: [{ volumes: ["*"], access: ["read"] }],
    });
  });

  it.each([
    ["--expires", "yesterday"],
    ["--expires", "2020-01-01"],
    ["--expires", "0d"],
    ["--volume", "ab"],
    ["--volume", "../*"],
    ["--access", "fly"],
    ["--max-lsn", "0"],
    ["--max-bytes", "-1"],
  ])("refuses %s %s as a slip of the pen", async (flag, value) => {
    await expect(create(`${flag}=${value}`)).rejects.toMatchObject({
      name: "UsageError",
      message: expect.stringContaining(flag),
    });
  });
});

describe("graft token", () => {
  it.each([
    [["forge"], 'not "forge"'],
    [["create"], "graft token key makes one"],
    [["create", "more"], "no further argument"],
    [["create", "--read-only", "--access", "read", "--token-keys", "none"], "none"],
    [["inspect"], "no token"],
    [["inspect", "hello"], "v4.local"],
  ])("says what is wrong with %j", async (words, told) => {
    await expect(run(words)).rejects.toThrow(told);
  });

  it("does not take a token of another key for genuine, and tells one that is over", async () => {
    const other = formatLocalKey(parseLocalKey("08".repeat(32)));
    const made = await create("--expires", "1h");
    const facts = JSON.parse(
      (await run(["inspect", made, "--json"], { GRAFT_TOKEN_KEYS: other })).told,
    );
    expect(facts).toMatchObject({ genuine: false });
    await clock.advance(3_600_000);
    expect(await inspected(made)).toMatchObject({ genuine: true, expired: true });
  });
});
