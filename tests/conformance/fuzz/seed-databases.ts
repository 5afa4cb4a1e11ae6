/** Small SQLite databases of every shape, made by stock SQLite: what imports are damaged from. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const ROWS = `with recursive n (i) as (select 1 union all select i + 1 from n where i < 60)
  insert into item select i, 'item ' || (i * 7919 % 61), zeroblob(i * 3) from n;`;
const TABLES = `create table item (id integer primary key, name text, body);
  create index item_name on item (name);
  create table pair (a, b, primary key (a, b)) without rowid;
  create view names as select name from item;
  create trigger t after insert on pair begin delete from item where id = 0; end;
  ${ROWS}
  insert into pair select id, name from item where id < 20;
  insert into item values (900, 'long', zeroblob(5000));`;

const SHAPES: readonly string[] = [
  `pragma page_size = 512; ${TABLES} delete from item where id between 10 and 40;`,
  `pragma page_size = 1024; pragma auto_vacuum = full; ${TABLES} delete from item where id > 50;`,
  `pragma page_size = 4096; ${TABLES}`,
  "pragma page_size = 512; create virtual table words using fts5(body); insert into words values ('a b c');",
  "pragma page_size = 512; pragma encoding = 'UTF-16be'; create table t (x text); insert into t values ('größe');",
];

/** A database and the log beside it. */
export interface LoggedDatabase {
  readonly main: Uint8Array;
  readonly wal: Uint8Array;
}

/** Databases at rest. */
export function seedDatabases(): readonly Uint8Array[] {
  return inFolder((path) =>
    SHAPES.map((sql, at) => {
      const file = path(`${at}.db`);
      const db = new DatabaseSync(file);
      db.exec(sql);
      db.close();
      return new Uint8Array(readFileSync(file));
    }),
  );
}

/** A database whose newest commits are in its write-ahead log. */
export function seedLoggedDatabase(): LoggedDatabase {
  return inFolder((path) => {
    const file = path("logged.db");
    const db = new DatabaseSync(file);
    db.exec(`pragma page_size = 512; pragma journal_mode = wal; pragma wal_autocheckpoint = 0;`);
    db.exec(TABLES);
    db.exec("pragma wal_checkpoint(passive); update item set name = 'new' where id < 9;");
    const main = new Uint8Array(readFileSync(file));
    const wal = new Uint8Array(readFileSync(`${file}-wal`));
    db.close();
    return { main, wal };
  });
}

function inFolder<T>(use: (path: (name: string) => string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "graft-fuzz-"));
  try {
    return use((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
