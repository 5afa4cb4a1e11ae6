import { describe, expect, test } from "vitest";
import type { StatementJournal, StatementRun } from "./statement-journal.ts";
import { createDisk, firstValue, ITEMS_SQL, openDelayed, STRATEGIES } from "./testing/fixture.ts";

/** Writes down what it is told; draws 0, 1, 2, … from the beginning of each statement. */
class NotingJournal implements StatementJournal {
  readonly lines: string[] = [];
  readonly runs: StatementRun[] = [];
  #next = 0;

  begin(run: StatementRun): void {
    this.#next = 0;
    this.runs.push(run);
    this.lines.push(`${run.isInTransaction ? "  " : ""}${run.mode} ${run.sql.trim()}`);
  }

  restart(): void {
    this.#next = 0;
  }

  end(outcome: string): void {
    this.lines.push(outcome);
  }

  draw(target: Uint8Array): void {
    for (let at = 0; at < target.length; at++) target[at] = this.#next++;
  }
}

describe.each(STRATEGIES)("a journal of statements, waiting by %s", (strategy) => {
  const open = async (setup = "create table t (a unique)") => {
    const journal = new NotingJournal();
    const disk = await createDisk(setup);
    return { journal, ...(await openDelayed({ strategy, journal, disk })) };
  };

  test("is told what may change something, with its values, and how it ended", async () => {
    const { db, journal } = await open();
    await db.exec("begin; insert into t values (1); select * from t; savepoint s");
    const insert = await db.prepare("insert into t values (?) returning a");
    await insert.get(2);
    await expect(insert.all(2)).rejects.toThrow("UNIQUE");
    await db.exec("release s; commit");
    const partly = await db.prepare("insert or fail into t values (?), (2)");
    await expect(partly.run(3)).rejects.toThrow("UNIQUE");
    expect(journal.lines).toEqual([
      "transaction begin;",
      "done",
      "  write insert into t values (1);",
      "done",
      "  transaction savepoint s",
      "done",
      "  write insert into t values (?) returning a",
      "done",
      "  write insert into t values (?) returning a",
      "failed",
      "  transaction release s;",
      "done",
      "  transaction commit",
      "done",
      "write insert or fail into t values (?), (2)",
      "partly",
    ]);
    expect(journal.runs.map(({ parameters }) => parameters)).toEqual([
      ...[[], [], [], [2], [2], [], [], [3]],
    ]);
    await db.close();
  });

  test("keeps values as they were bound", async () => {
    const { db, journal } = await open();
    const insert = await db.prepare("insert into t values (:x)");
    const bytes = Uint8Array.of(1, 2);
    const running = insert.run({ x: bytes });
    bytes.fill(9);
    await running;
    expect(journal.runs[0]?.parameters).toEqual([{ x: Uint8Array.of(1, 2) }]);
    expect(await firstValue(db, "select hex(a) from t")).toBe("0102");
    await db.close();
  });

  test("is where random() and randomblob() draw from", async () => {
    const { db } = await open();
    await db.exec("create table u (a default (randomblob(3)), b)");
    await db.exec("insert into u (b) values (random())");
    // Columns in their order: three bytes for the default, then eight, least significant first.
    const row = await firstValue(db, "select b || ' ' || hex(a) from u");
    expect(row).toBe(`${0x0a09080706050403n} 000102`);
    await expect(db.exec("select randomblob(1000000001)")).rejects.toThrow(/too big/);
    expect(await firstValue(db, "select length(randomblob(NULL))")).toBe(1);
    await db.close();
  });

  test("a statement that runs again after a miss draws the same again", async () => {
    const { db, vfs } = await open(ITEMS_SQL);
    await db.exec("pragma cache_size = 10");
    vfs.forgetAll();
    await db.exec("update item set note = hex(randomblob(2))");
    expect(await firstValue(db, "select note from item order by id limit 1")).toBe("0001");
    expect(await firstValue(db, "select note from item where id = 11")).toBe("1415");
    await db.close();
  });
});
