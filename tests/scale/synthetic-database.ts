/**
 * Databases of any size in seconds: one half of the bytes does not compress, the other does, and
 * neither half repeats itself.
 */
import { DatabaseSync } from "node:sqlite";

/** Bytes of a row's content. Four rows and their headers fill a page of 4096 bytes. */
const BODY_SIZE = 980;
const ROWS_PER_TRANSACTION = 20_000;

/** Makes a database file of about `size` bytes with tables `noise` and `prose`. */
export function createSyntheticDatabase(path: string, size: number): void {
  const database = new DatabaseSync(path);
  try {
    database.exec(`
      pragma page_size = 4096;
      pragma journal_mode = off;
      pragma synchronous = off;
      create table noise (id integer primary key, body blob not null);
      create table prose (id integer primary key, body text not null);
    `);
    const count = Math.floor(size / 4096) * 2;
    for (let first = 1; first <= count; first += ROWS_PER_TRANSACTION) {
      const last = Math.min(first + ROWS_PER_TRANSACTION - 1, count);
      const ids = `with recursive ids(id) as (select ${first} union all select id + 1 from ids where id < ${last})`;
      database.exec(`
        begin;
        ${ids} insert into noise select id, randomblob(${BODY_SIZE}) from ids;
        ${ids} insert into prose select id, substr(printf('row %d says: ', id)
          || replace(printf('%.*c', 60, 'x'), 'x', printf('%08x graft ', id * 2654435761)), 1, ${BODY_SIZE})
          from ids;
        commit;
      `);
    }
  } finally {
    database.close();
  }
}
