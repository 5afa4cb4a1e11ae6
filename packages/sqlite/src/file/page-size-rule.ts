import { SQLITE_ERROR, SqliteError } from "@graft/sqlite-engine";

/**
 * @throws SqliteError with the reason: SQLite wants to write pages of another size (VACUUM, say)
 */
export function mustBePageSize(fixed: number, wanted: number): void {
  if (wanted === fixed) return;
  throw new SqliteError(
    SQLITE_ERROR,
    `the page size of a volume is fixed: this one has pages of ${fixed} bytes, not of ${wanted}; ` +
      "make a new volume to change it",
  );
}
