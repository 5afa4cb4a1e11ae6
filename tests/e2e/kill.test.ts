import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { randomUnit } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, describe, expect, it } from "vitest";

const WRITER = fileURLToPath(new URL("./killed-writer.ts", import.meta.url));
/** Nobody listens there: these clients are offline. */
const NOWHERE = "http://127.0.0.1:9";
const RUNS = 100;

/**
 * Runs the writer, kills it after `afterMs` of writing, and gives the last acknowledged
 * transaction.
 */
async function writeUntilKilled(path: string, first: number, afterMs: number): Promise<number> {
  const child = spawn(
    process.execPath,
    ["--conditions=@graft/source", WRITER, path, NOWHERE, String(first)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let acknowledged = first - 1;
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "ready") ready.resolve();
    else acknowledged = Number(line);
  });
  const ended = once(child, "close");
  await Promise.race([ready.promise, ended]);
  expect(child.exitCode, "the writer starts on what the last one left").toBeNull();
  await wait(afterMs);
  child.kill("SIGKILL");
  await ended;
  return acknowledged;
}

describe("kill -9 of a client at a random moment", () => {
  const directory = mkdtempSync(join(tmpdir(), "graft-kill-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it(`loses no acknowledged commit in ${RUNS} runs, and integrity_check stays ok`, async () => {
    const random = new SeededRandom(20);
    const path = join(directory, "replica");
    let next = 1;
    for (let run = 0; run < RUNS; run++) {
      const acknowledged = await writeUntilKilled(path, next, randomUnit(random) * 120);
      await using db = await openDatabase({ sync: "manual", path, url: NOWHERE, tag: "t" });
      const newest = Number(await db.prepare("SELECT coalesce(max(id), 0) FROM a").pluck().get());
      const count = Number(await db.prepare("SELECT count(*) FROM a").pluck().get());
      expect(newest, `run ${run}: acknowledged commits are there`).toBeGreaterThanOrEqual(
        acknowledged,
      );
      expect(newest, `run ${run}: at most one commit was not acknowledged`).toBeLessThanOrEqual(
        acknowledged + 1,
      );
      expect(count, `run ${run}: none in between is missing`).toBe(newest);
      expect(await db.prepare("PRAGMA integrity_check").pluck().all()).toEqual(["ok"]);
      next = newest + 1;
    }
    expect(next, "the writers got somewhere").toBeGreaterThan(RUNS);
  }, 600_000);
});
