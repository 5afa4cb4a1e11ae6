/**
 * Single-row transactions, one after the other, as fast as they go, pushed by themselves, while
 * another replica follows. `GRAFT_SUSTAINED_COUNT` (100,000) says how many.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, describe, expect, it } from "vitest";
import { serveMeasured } from "../harness/measured-graft.ts";
import { TalkingChild } from "../harness/talking-child.ts";
import { until } from "../harness/until.ts";

const WRITER = fileURLToPath(new URL("./sustained-writer.ts", import.meta.url));
const COUNT = Number(process.env.GRAFT_SUSTAINED_COUNT ?? 100_000);
/** How old the newest row of the other replica may be while the writer writes. */
const AGE_MS_MAX = 30_000;
const TIMEOUT_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), "graft-sustained-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a writer that never pauses", () => {
  it(
    `has ${COUNT} single-row transactions pushed all the while, and a replica follows live`,
    async () => {
      await using server = await serveMeasured([
        ...["serve", "--port", "0", "--store", `file:${folder}/store`],
      ]);
      const { url } = server;
      const volume = await found(url);
      await using replica = await openDatabase({ url, volume });
      const said: string[] = [];
      const startMs = performance.now();
      const writer = await TalkingChild.start({
        script: WRITER,
        words: [join(folder, "writer"), url, volume, String(COUNT)],
        compileCache: join(folder, "compiled"),
        onLine: (line) => said.push(line),
        onFault: (error) => said.push(`done by itself: ${error}`),
      });
      const isOver = (): boolean =>
        said.includes(`at ${COUNT}`) || said.at(-1)?.startsWith("done") === true;
      const ages: number[] = [];
      while (!isOver()) {
        const newest = await replica.prepare("select max(at) from event").pluck().get();
        if (typeof newest === "number") ages.push(Date.now() - newest);
        await wait(50);
      }
      const seconds = (performance.now() - startMs) / 1000;
      const lsn = Number(replica.status().remote.lsn);
      await until(() => said.at(-1)?.startsWith("done") === true, TIMEOUT_MS);
      expect(said.at(-1), "the writer's own integrity_check").toBe("done ok");
      const rows = COUNT - Math.floor(COUNT / 4);
      const sql = "select count(*) from event";
      await until(async () => (await replica.prepare(sql).pluck().get()) === rows);
      expect(await replica.prepare("pragma integrity_check").pluck().all()).toEqual(["ok"]);
      await writer.kill();
      await using reopened = await openDatabase({ path: join(folder, "writer"), tag: "t" });
      expect(await reopened.prepare(sql).pluck().get()).toBe(rows);
      const digest = "select sum(id), sum(length(body)), max(at) from event";
      const expected = await reopened.prepare(digest).raw().get();
      expect(await replica.prepare(digest).raw().get()).toEqual(expected);
      ages.sort((a, b) => a - b);
      const [median, oldest] = [ages.at(ages.length >> 1) ?? 0, ages.at(-1) ?? 0];
      console.info(
        `${COUNT} transactions in ${seconds.toFixed(1)} s (${Math.round(COUNT / seconds)} a second), ` +
          `${lsn} pushes (${(lsn / seconds).toFixed(1)} a second); the replica was ${median} ms behind, ${oldest} at most`,
      );
      expect(oldest, "the replica is never far behind").toBeLessThan(AGE_MS_MAX);
      expect(lsn / seconds, "pushes go on all the while").toBeGreaterThan(1);
      expect(lsn, "and are folded").toBeLessThan(COUNT / 10);
    },
    TIMEOUT_MS,
  );
});

/** Makes the table, and pushes it. */
async function found(url: string): Promise<string> {
  await using db = await openDatabase({ url });
  await db.exec("create table event(id integer primary key, at integer, body text)");
  await db.push();
  return db.volume.volumeId;
}
