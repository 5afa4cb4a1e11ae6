/**
 * A workload whose every snapshot can be checked: money only moves, and each transfer is counted
 * and written into a journal in the same transaction.
 */
import type { SeededRandom } from "@graft/core/testing";
import type { Database, Transaction } from "@graft/sqlite";

export const ACCOUNT_COUNT = 300;
export const BALANCE = 100;
/** Some eight accounts to a page, so that transfers touch pages all over the table. */
const PAD_SIZE = 400;

/** What one snapshot says about itself. */
export const SNAPSHOT_SQL = `
  SELECT (SELECT sum(balance) FROM account) AS sum, (SELECT count(*) FROM account) AS accounts,
         (SELECT n FROM counter) AS counted, (SELECT count(*) FROM journal) AS journalled`;

export async function createBank(db: Database): Promise<void> {
  await db.exec(`
    CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, pad BLOB NOT NULL);
    CREATE TABLE counter(n INTEGER NOT NULL);
    CREATE TABLE journal(process INTEGER, sequence INTEGER, PRIMARY KEY(process, sequence));
    INSERT INTO counter VALUES(0);
    WITH RECURSIVE i(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM i WHERE id < ${ACCOUNT_COUNT})
      INSERT INTO account SELECT id, ${BALANCE}, zeroblob(${PAD_SIZE}) FROM i`);
}

export function isSound(row: unknown): boolean {
  if (typeof row !== "object" || row === null) return false;
  const facts = row as Readonly<Record<string, number | undefined>>;
  return (
    facts.sum === ACCOUNT_COUNT * BALANCE &&
    facts.accounts === ACCOUNT_COUNT &&
    facts.counted === facts.journalled
  );
}

/** Moves money, counts it with a value that was read before, and writes it down. */
export async function transfer(
  tx: Transaction,
  random: SeededRandom,
  entry: { readonly process: number; readonly sequence: number },
): Promise<void> {
  const [from, to] = [random.integer(1, ACCOUNT_COUNT), random.integer(1, ACCOUNT_COUNT)];
  const [amount, byte] = [random.integer(1, 50), random.integer(0, 255)];
  const counted = Number(await tx.prepare("SELECT n FROM counter").pluck().get());
  const change = "UPDATE account SET balance = balance + ?, pad = ? WHERE id = ?";
  await tx.prepare(change).run(-amount, new Uint8Array(PAD_SIZE).fill(byte), from);
  await tx.prepare(change).run(amount, new Uint8Array(PAD_SIZE).fill(byte), to);
  await tx.prepare("UPDATE counter SET n = ?").run(counted + 1);
  await tx.prepare("INSERT INTO journal VALUES(?, ?)").run(entry.process, entry.sequence);
}
