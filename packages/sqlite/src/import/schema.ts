import type { DatabaseFile } from "./database-file.ts";
import { readColumns } from "./record.ts";

/** Bytes of a row of the schema that are read: name, root page, and the beginning of the SQL. */
export const SCHEMA_TEXT_MAX: number = 64 * 1024;

/** A row of `sqlite_schema`. */
export interface SchemaEntry {
  readonly name: string;
  /** 0 for what has no pages: views, triggers, virtual tables. */
  readonly rootPage: number;
  /** The module of a virtual table, lower case; undefined for everything else. */
  readonly module: string | undefined;
}

/** Decodes rows of the schema table. */
export function readSchema(file: DatabaseFile, rows: readonly Uint8Array[]): SchemaEntry[] {
  const decoder = new TextDecoder(file.header.encoding);
  return rows.map((row) => {
    // type, name, tbl_name, rootpage, sql
    const [, name, , rootPage, sql] = readColumns(row, 5, decoder);
    return {
      name: String(name ?? ""),
      rootPage: typeof rootPage === "number" ? rootPage : 0,
      module: typeof sql === "string" ? virtualTableModule(sql) : undefined,
    };
  });
}

/**
 * SQLite normalises the beginning of the SQL that it stores: `CREATE VIRTUAL TABLE … USING
 * module…`.
 */
function virtualTableModule(sql: string): string | undefined {
  const match =
    /^CREATE\s+VIRTUAL\s+TABLE\s+(?:"(?:[^"]|"")*"|\[[^\]]*\]|`(?:[^`]|``)*`|'(?:[^']|'')*'|[^\s(]+)\s+USING\s+["'[`]?([\w$]+)/i.exec(
      sql,
    );
  return match?.[1]?.toLowerCase();
}
