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

/**
 * All rows of a ledger book hold the same byte; more than a mebibyte, to be rewritten as a whole.
 */
export const BOOK_ROW_COUNT = 300;
const BOOK_ROW_SIZE = 4000;

/** What one snapshot says about itself. */
export const SNAPSHOT_SQL = `
  SELECT (SELECT sum(balance) FROM account) AS sum, (SELECT count(*) FROM account) AS accounts,
         (SELECT n FROM counter) AS counted, (SELECT count(*) FROM journal) AS journalled`;

export async function createBank(db: Database): Promise<void> {
  await db.exec(`
    CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, pad BLOB NOT NULL);
    CREATE TABLE counter(n INTEGER NOT NULL);
    CREATE TABLE journal(process INTEGER, sequence INTEGER, PRIMARY KEY(process, sequence));
    CREATE TABLE book(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
    INSERT INTO counter VALUES(0);
    WITH RECURSIVE i(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM i WHERE id < ${ACCOUNT_COUNT})
      INSERT INTO account SELECT id, ${BALANCE}, zeroblob(${PAD_SIZE}) FROM i;
    WITH RECURSIVE i(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM i WHERE id < ${BOOK_ROW_COUNT})
      INSERT INTO book SELECT id, zeroblob(${BOOK_ROW_SIZE}) FROM i`);
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

interface Entry {
  readonly process: number;
  readonly sequence: number;
}

/** Moves money, counts it with a value that was read before, and writes it down. */
export async function transfer(tx: Transaction, random: SeededRandom, entry: Entry): Promise<void> {
  const [from, to] = [random.integer(1, ACCOUNT_COUNT), random.integer(1, ACCOUNT_COUNT)];
  const [amount, byte] = [random.integer(1, 50), random.integer(0, 255)];
  const change = "UPDATE account SET balance = balance + ?, pad = ? WHERE id = ?";
  await tx.prepare(change).run(-amount, new Uint8Array(PAD_SIZE).fill(byte), from);
  await tx.prepare(change).run(amount, new Uint8Array(PAD_SIZE).fill(byte), to);
  await writeDown(tx, entry);
}

/** Writes the whole book anew: too large for the log, so its pages take slots at once. */
export async function rewriteBook(
  tx: Transaction,
  random: SeededRandom,
  entry: Entry,
): Promise<void> {
  const body = new Uint8Array(BOOK_ROW_SIZE).fill(random.integer(0, 255));
  await tx.prepare("UPDATE book SET body = ?").run(body);
  await writeDown(tx, entry);
}

async function writeDown(tx: Transaction, { process, sequence }: Entry): Promise<void> {
  const counted = Number(await tx.prepare("SELECT n FROM counter").pluck().get());
  await tx.prepare("UPDATE counter SET n = ?").run(counted + 1);
  await tx.prepare("INSERT INTO journal VALUES(?, ?)").run(process, sequence);
}
