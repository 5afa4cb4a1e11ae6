import { DatabaseSync } from "node:sqlite";

/** Writes a small database with stock SQLite: 1,000 notes, an index, and what `sql` adds. */
export function makeDatabase(path: string, sql = ""): void {
  const database = new DatabaseSync(path);
  try {
    database.exec(`${sql};
      CREATE TABLE notes (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
      CREATE INDEX notes_by_kind ON notes (kind);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO notes SELECT i, 'kind ' || (i % 10), printf('note %d %s', i, hex(zeroblob(100)))
      FROM n;`);
  } finally {
    database.close();
  }
}
