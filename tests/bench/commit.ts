/**
 * Local commits of one row, beside a raw append and fdatasync of the same bytes, and beside
 * `node:sqlite` on a file with `synchronous=FULL`.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openDatabase } from "@graft/sqlite/node";
import type { Bench, BenchRow } from "./bench.ts";
import { compare, time } from "./measure.ts";

const COMMITS = 100;
const ROUNDS = 7;
/** A row's insert changes one leaf page; page 1 stays as it is. */
const PAGES_A_COMMIT = 1;
const PAGE_SIZE = 4096;

export const commitBench: Bench = {
  name: "commit",
  what: "a local commit of one row, against a raw write and fdatasync of the same bytes",
  async run({ directory }): Promise<readonly BenchRow[]> {
    const raw = openSync(join(directory, "raw"), "w");
    const stock = new DatabaseSync(join(directory, "stock.db"));
    stock.exec(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(a INTEGER, b TEXT)",
    );
    await using db = await openDatabase({
      sync: "manual",
      url: "http://127.0.0.1:9",
      path: join(directory, "replica"),
      tag: "bench",
    });
    await db.exec("CREATE TABLE t(a INTEGER, b TEXT)");
    const insert = db.prepare("INSERT INTO t VALUES(?, ?)");
    const stockInsert = stock.prepare("INSERT INTO t VALUES(?, ?)");
    const bytes = new Uint8Array(PAGES_A_COMMIT * PAGE_SIZE).fill(7);
    let offset = 0;
    try {
      const measured = await compare(
        [
          {
            name: "raw write + fdatasync",
            run: () =>
              time(() => {
                for (let at = 0; at < COMMITS; at++) {
                  offset += writeSync(raw, bytes, 0, bytes.length, offset);
                  fdatasyncSync(raw);
                }
              }),
          },
          {
            name: "node:sqlite, WAL, synchronous=FULL",
            run: () =>
              time(() => {
                for (let at = 0; at < COMMITS; at++) stockInsert.run(at, "some text");
              }),
          },
          {
            name: "graft",
            run: () =>
              time(async () => {
                for (let at = 0; at < COMMITS; at++) await insert.run(at, "some text");
              }),
          },
        ],
        ROUNDS,
      );
      return measured.map(({ name, medianMs, ratio }) => ({
        name,
        value: medianMs / COMMITS,
        unit: "ms each",
        ratio,
        baseline: "raw",
        ...(name === "graft" ? { budget: { max: 1.5 } } : {}),
      }));
    } finally {
      stock.close();
      closeSync(raw);
    }
  },
};
