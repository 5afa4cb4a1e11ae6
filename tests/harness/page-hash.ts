import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const BATCH_SIZE = 4 * 1024 * 1024;
/** Of page 1: who wrote last, with which SQLite, and in which journal mode. */
const IGNORED = [
  [18, 20],
  [24, 28],
  [92, 100],
] as const;

/** SHA-256 over the pages of a database file, without what no two writers agree on. */
export function pageHash(path: string): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  const batch = Buffer.alloc(BATCH_SIZE);
  try {
    for (let offset = 0; ; ) {
      const size = readSync(file, batch, 0, batch.length, offset);
      if (size === 0) return hash.digest("hex");
      if (offset === 0) for (const [from, to] of IGNORED) batch.fill(0, from, to);
      hash.update(batch.subarray(0, size));
      offset += size;
    }
  } finally {
    closeSync(file);
  }
}

/** What stock SQLite says of a file. */
export function integrityOf(path: string): unknown {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare("pragma integrity_check").get()?.integrity_check;
  } finally {
    database.close();
  }
}
