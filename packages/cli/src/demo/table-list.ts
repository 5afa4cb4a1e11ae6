import { quoteName, type StockDatabase } from "./stock-database.ts";

/** A table of the main schema that can be read on its own. */
export interface TableFacts {
  readonly name: string;
  readonly kind: "table" | "virtual" | "shadow";
  readonly hasRowid: boolean;
  readonly columns: readonly string[];
  /** Columns of the primary key, in its order. */
  readonly keyColumns: readonly string[];
}

/**
 * All tables, by name. SQLite's own (`sqlite_sequence`, …) are among them, the schema table is not.
 */
export function listTables(database: StockDatabase): readonly TableFacts[] {
  const tables: TableFacts[] = [];
  const sql = "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name";
  for (const [name, type, isWithoutRowid] of [...database.rows(sql)]) {
    const kind = type === "table" || type === "virtual" || type === "shadow" ? type : undefined;
    if (typeof name !== "string" || kind === undefined || name === "sqlite_schema") continue;
    const columns = [...database.rows(`PRAGMA table_info (${quoteName(name)})`)];
    tables.push({
      name,
      kind,
      hasRowid: isWithoutRowid !== 1n,
      columns: columns.map((column) => String(column[1])),
      keyColumns: columns
        .filter((column) => column[5] !== 0n)
        .sort((left, right) => Number(left[5]) - Number(right[5]))
        .map((column) => String(column[1])),
    });
  }
  return tables;
}

/** The name under which the rowid can be read: a column may be called `rowid`. */
export function rowidName(table: TableFacts): string | undefined {
  if (!table.hasRowid) return undefined;
  const taken = new Set(table.columns.map((column) => column.toLowerCase()));
  return ["rowid", "_rowid_", "oid"].find((name) => !taken.has(name));
}
