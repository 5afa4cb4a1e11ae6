/**
 * Large transfers, killed at random points with random signals: what had arrived does not travel
 * again. Counted between the client and its server.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SeededRandom } from "@graft/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type MeasuredServer,
  runMeasured,
  serveMeasured,
  spawnGraft,
} from "../harness/measured-graft.ts";
import { integrityOf, pageHash } from "../harness/page-hash.ts";
import { CountingProxy } from "./counting-proxy.ts";
import { createSyntheticDatabase } from "./synthetic-database.ts";

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
/** Parts under way when a process dies, and fetched pages that are not on the disk yet. */
const LOST_MAX = 16 * MIB;
const KILLS = 3;

const seed = Number(process.env.GRAFT_SEED ?? Date.now() % 1_000_000);
const random = new SeededRandom(seed);
const directory = mkdtempSync(join(tmpdir(), "graft-resume-"));
const source = join(directory, "source.db");
let server: MeasuredServer;
let proxy: CountingProxy;

beforeAll(async () => {
  createSyntheticDatabase(source, SIZE);
  server = await serveMeasured(["serve", "--port", "0", "--store", `file:${directory}/store`]);
  proxy = await CountingProxy.start(server.url);
});

afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** Where a client keeps its data, and the way to the server. */
function at(name: string): string[] {
  return ["--path", join(directory, name), "--url", proxy.url];
}

/** Runs a command until so many bytes have passed, then ends it. @returns bytes that passed */
async function runUntil(bytes: number, words: readonly string[]): Promise<number> {
  const child = spawnGraft(words, "ignore");
  const signal = random.pick(["SIGKILL", "SIGKILL", "SIGINT"] as const);
  proxy.reset(bytes, () => child.kill(signal));
  const [code, signalCode] = await once(child, "exit");
  expect([code, signalCode], `seed ${seed}: it ended by itself`).not.toEqual([0, null]);
  return proxy.bytes;
}

/** Ends a command again and again, lets it run at last, and says what passed in each run. */
async function runInPieces(words: readonly string[], total: number): Promise<number[]> {
  const passed: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const left = total - passed.reduce((sum, bytes) => sum + bytes, 0);
    passed.push(
      await runUntil(random.integer(MIB, Math.floor(Math.max(2 * MIB, left / 2))), words),
    );
  }
  proxy.reset();
  await runMeasured(words);
  return [...passed, proxy.bytes];
}

/** What arrived in one run was not sent in another, but for what was under way at each death. */
function expectNothingTwice(passed: readonly number[], total: number): void {
  const sum = passed.reduce((all, bytes) => all + bytes, 0);
  const text = passed.map((bytes) => (bytes / MIB).toFixed(1)).join(" + ");
  expect(sum / MIB, `seed ${seed}: ${text} MiB of ${total / MIB}`).toBeLessThan(
    (total * 1.03 + KILLS * LOST_MAX) / MIB,
  );
  expect((passed.at(-1) ?? 0) / MIB, `seed ${seed}: the last of ${text} MiB`).toBeLessThan(
    (total * 1.03 - (sum - (passed.at(-1) ?? 0)) + KILLS * LOST_MAX) / MIB,
  );
}

describe("what was interrupted", () => {
  it("an import goes on: parts that have arrived are not sent again", async () => {
    const words = ["import", source, "--tag", "t", ...at("importer")];
    const first = await runUntil(SIZE * 0.8, words);
    proxy.reset();
    const { answer } = await runMeasured(words);
    expect(answer.lsn, "one commit").toBe(1);
    expect(proxy.bytes / MIB, `seed ${seed}: second run`).toBeLessThan(
      (SIZE * 1.03 - first + LOST_MAX) / MIB,
    );
    const copy = join(directory, "imported.db");
    await runMeasured(["export", "t", copy, ...at("importer")]);
    expect(pageHash(copy)).toBe(pageHash(source));
  });

  it("an import of a file that was changed meanwhile sends what changed, and imports that", async () => {
    const changed = join(directory, "changed.db");
    createSyntheticDatabase(changed, SIZE);
    const words = ["import", changed, "--tag", "changed", ...at("importer")];
    const first = await runUntil(SIZE * 0.8, words);
    const database = new DatabaseSync(changed);
    database.exec("update noise set body = randomblob(980) where id between 10 and 30");
    database.close();
    proxy.reset();
    await runMeasured(words);
    expect(proxy.bytes / MIB, `seed ${seed}: second run`).toBeLessThan(
      (SIZE * 1.03 - first + LOST_MAX + 8 * MIB) / MIB,
    );
    const copy = join(directory, "changed-copy.db");
    await runMeasured(["export", "changed", copy, ...at("importer")]);
    expect(pageHash(copy)).toBe(pageHash(changed));
    expect(integrityOf(copy)).toBe("ok");
  });

  it("a hydrate goes on: pages that are here are not fetched again", async () => {
    const volume = await volumeOf("t");
    await runMeasured(["clone", volume, "--tag", "whole", ...at("whole")]);
    proxy.reset();
    await runMeasured(["hydrate", "whole", ...at("whole")]);
    const total = proxy.bytes;
    await runMeasured(["clone", volume, "--tag", "pieces", ...at("pieces")]);
    expectNothingTwice(await runInPieces(["hydrate", "pieces", ...at("pieces")], total), total);
    proxy.reset();
    await runMeasured(["hydrate", "pieces", ...at("pieces")]);
    expect(proxy.bytes, "nothing is left to fetch").toBeLessThan(64 * 1024);
  });

  it("a push goes on under its commit id: segments that have arrived are not sent again", async () => {
    const sql = "update noise set body = randomblob(980); update prose set body = body || '!'";
    await runMeasured(["sql", "whole", sql, ...at("whole")]);
    const words = ["push", "whole", ...at("whole")];
    const passed = await runInPieces(words, SIZE);
    expectNothingTwice(passed, SIZE);
    const volume = await volumeOf("t");
    const { answer } = await runMeasured(["clone", volume, "--tag", "after", ...at("after")]);
    expect(answer.lsn, "one commit, whatever the number of tries").toBe(2);
    const [mine, theirs] = [join(directory, "mine.db"), join(directory, "theirs.db")];
    await runMeasured(["export", "whole", mine, ...at("whole")]);
    await runMeasured(["export", "after", theirs, ...at("after")]);
    expect(pageHash(theirs)).toBe(pageHash(mine));
    expect(integrityOf(theirs)).toBe("ok");
  });
});

async function volumeOf(tag: string): Promise<string> {
  const { answer } = await runMeasured(["status", tag, ...at("importer")]);
  return String(answer.volume);
}
