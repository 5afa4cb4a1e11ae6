/**
 * What the clients of the torture do: money moves between accounts and is written down in a
 * journal, which collides with whoever else does; and each client notes what it did on pages of its
 * own, which collides with nobody and can be merged. An account may not be overdrawn: what was
 * right on one base can be wrong on another.
 *
 * Every change says for itself what it reads, so that it can be run again as it was recorded.
 */
import type { SeededRandom } from "@graft/core/testing";
import type { Database, Transaction } from "@graft/sqlite";

const ACCOUNT_COUNT = 60;
const BALANCE = 60;
/** Some eight accounts to a page. */
const PAD_SIZE = 400;
/** Numbers of five digits on one page of a desk; they are noted where they belong. */
const NOTE_SIZE = 5;
const NOTES_PER_ROW = 700;
const DESK_ROWS = 24;

export interface Entry {
  readonly member: number;
  readonly sequence: number;
}

/** What one snapshot says about itself. */
const SNAPSHOT_SQL = `
  SELECT (SELECT sum(balance) FROM account) AS sum, (SELECT min(balance) FROM account) AS least,
         (SELECT n FROM counter) AS counted, (SELECT count(*) FROM journal) AS journalled`;

const JOURNAL_SQL = "SELECT member, sequence FROM journal";
const DESK_SQL = "SELECT id, body FROM desk ORDER BY id";

/** Makes the tables: all pages of all desks too, so that a note never allocates one. */
export async function createWorkload(db: Database, members: number): Promise<void> {
  await db.exec(`
    CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK(balance >= 0), pad);
    CREATE TABLE counter(n INTEGER NOT NULL);
    CREATE TABLE journal(member INTEGER, sequence INTEGER, PRIMARY KEY(member, sequence));
    CREATE TABLE desk(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
    INSERT INTO counter VALUES(0);
    WITH RECURSIVE i(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM i WHERE id < ${ACCOUNT_COUNT})
      INSERT INTO account SELECT id, ${BALANCE}, zeroblob(${PAD_SIZE}) FROM i;
    WITH RECURSIVE i(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM i WHERE id < ${members * DESK_ROWS - 1})
      INSERT INTO desk SELECT id, printf('%.*c', ${NOTE_SIZE * NOTES_PER_ROW}, '0') FROM i`);
}

/** Moves money. @throws SqliteError the account would be overdrawn */
export async function transfer(tx: Transaction, random: SeededRandom, entry: Entry): Promise<void> {
  const [from, to] = [random.integer(1, ACCOUNT_COUNT), random.integer(1, ACCOUNT_COUNT)];
  const amount = random.integer(1, 40);
  const change = "UPDATE account SET balance = balance + ?, pad = ? WHERE id = ?";
  const pad = new Uint8Array(PAD_SIZE).fill(random.integer(0, 255));
  await tx.prepare(change).run(-amount, pad, from);
  await tx.prepare(change).run(amount, pad, to);
  await tx.prepare("INSERT INTO journal VALUES(?, ?)").run(entry.member, entry.sequence);
  await tx.exec("UPDATE counter SET n = (SELECT count(*) FROM journal)");
}

/** Notes the entry on the member's own desk. */
export async function note(tx: Transaction, _: SeededRandom, entry: Entry): Promise<void> {
  const row = Math.floor(entry.sequence / NOTES_PER_ROW) % DESK_ROWS;
  const before = (entry.sequence % NOTES_PER_ROW) * NOTE_SIZE;
  await tx
    .prepare("UPDATE desk SET body = substr(body, 1, ?) || ? || substr(body, ?) WHERE id = ?")
    .run(
      before,
      String(entry.sequence).padStart(NOTE_SIZE, "0"),
      before + NOTE_SIZE + 1,
      entry.member * DESK_ROWS + row,
    );
}

/** Runs SQL and answers all rows as arrays. */
export type RunSql = (sql: string) => Promise<readonly (readonly unknown[])[]>;

/** Undefined, or what is wrong with a snapshot. */
export async function findUnsound(run: RunSql): Promise<string | undefined> {
  const [[sum, least, counted, journalled] = []] = await run(SNAPSHOT_SQL);
  const isSound = sum === ACCOUNT_COUNT * BALANCE && Number(least) >= 0 && counted === journalled;
  if (isSound) return undefined;
  return `sum ${sum}, least ${least}, ${counted} counted, ${journalled} journalled`;
}

/** "member sequence" of every transaction that a snapshot holds. */
export async function entriesOf(run: RunSql): Promise<readonly string[]> {
  const journal = (await run(JOURNAL_SQL)).map(([member, sequence]) => `${member} ${sequence}`);
  const desks = (await run(DESK_SQL)).flatMap(([id, body]) => notesOf(Number(id), String(body)));
  return [...journal, ...desks];
}

/** @throws Error: a note is not where it belongs */
function notesOf(id: number, body: string): readonly string[] {
  const member = Math.floor(id / DESK_ROWS);
  const entries: string[] = [];
  for (let at = 0; at < NOTES_PER_ROW; at++) {
    const sequence = Number(body.slice(at * NOTE_SIZE, (at + 1) * NOTE_SIZE));
    if (sequence === 0) continue;
    if (sequence % NOTES_PER_ROW !== at) throw new Error(`note ${sequence} is at place ${at}`);
    entries.push(`${member} ${sequence}`);
  }
  return entries;
}
