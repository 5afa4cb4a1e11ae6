import type { TransactionEvent } from "@graft/client";
import type { Database } from "@graft/sqlite";
import { expect, test } from "vitest";
import { Replicas, rowsOf } from "../harness/replicas.ts";

const ACCOUNTS = `create table account(name text primary key, balance integer not null);
  insert into account values ('a', 100), ('b', 100), ('c', 100)`;

/** Moves money; refuses to overdraw. A function: run again, it looks again. */
async function transfer(db: Database, from: string, to: string, amount: number): Promise<void> {
  await db.transaction(`${from} to ${to}`, async (tx) => {
    const balance = await tx
      .prepare("select balance from account where name = ?")
      .pluck()
      .get(from);
    if (Number(balance) < amount) throw new Error(`${from} has only ${balance}`);
    const move = tx.prepare("update account set balance = balance + ? where name = ?");
    await move.run(-amount, from);
    await move.run(amount, to);
  });
}

const balances = (db: Database) => rowsOf(db, "select name, balance from account order by name");

test("conflicting transfers are run again with their rules; one that fails waits, the others go on", async () => {
  await using replicas = await Replicas.start();
  await using a = await replicas.open();
  await a.db.exec(ACCOUNTS);
  await a.db.push();
  await using b = await replicas.open({ onConflict: "rebase" });
  const fates: TransactionEvent[] = [];
  b.db.on("transaction", (event) => fates.push(event));

  await transfer(a.db, "a", "c", 70);
  await a.db.push();
  await transfer(b.db, "a", "b", 60);
  await transfer(b.db, "b", "c", 10);
  await transfer(b.db, "a", "b", 20);
  await expect(b.db.push()).rejects.toMatchObject({ code: "diverged" });
  expect(b.db.status().state).toBe("diverged");
  expect(await balances(b.db)).toEqual([
    ["a", 20],
    ["b", 170],
    ["c", 110],
  ]);

  const { push } = await b.db.sync();
  expect(push).toMatchObject({ kind: "pushed", commitCount: 2 });
  expect(await balances(b.db)).toEqual([
    ["a", 10],
    ["b", 110],
    ["c", 180],
  ]);
  await a.db.pull();
  expect(await balances(a.db)).toEqual(await balances(b.db));

  const [first, ...others] = await b.db.outbox.list();
  expect(others).toEqual([]);
  expect(first).toMatchObject({
    name: "a to b",
    error: { code: "Error", message: "a has only 30" },
  });
  expect(first?.statements?.map(({ parameters }) => parameters)).toEqual([
    [-60, "a"],
    [60, "b"],
  ]);
  expect(b.db.status().local).toEqual({ pending: 0, rejected: 1 });
  expect(fates.map(({ fate }) => fate)).toEqual([
    ...["local", "local", "local"],
    ...["rejected", "rebased", "rebased", "pushed", "pushed"],
  ]);
  expect(fates[3]?.appTransactionId).toBe(first?.id);

  await transfer(b.db, "c", "a", 100);
  expect(await b.db.outbox.retry(first?.id ?? "")).toEqual({ kind: "done" });
  expect(await b.db.outbox.list()).toEqual([]);
  expect(await balances(b.db)).toEqual([
    ["a", 50],
    ["b", 170],
    ["c", 80],
  ]);
});
