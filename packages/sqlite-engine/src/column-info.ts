import type { EngineCore } from "./engine-core.ts";
import type { Pointer } from "./sqlite-exports.ts";

/** Where a result column comes from; null for an expression. */
export interface ColumnInfo {
  readonly name: string;
  readonly column: string | null;
  readonly table: string | null;
  readonly database: string | null;
  /** Declared type. */
  readonly type: string | null;
}

/** The result columns of a statement, in order. */
export function describeColumns(core: EngineCore, statement: Pointer): ColumnInfo[] {
  const { exports, heap } = core;
  const count = exports.sqlite3_column_count(statement);
  const text = (pointer: Pointer): string | null => heap.decodeCString(pointer) ?? null;
  return Array.from({ length: count }, (_, index) => ({
    name: heap.mustDecodeCString(exports.sqlite3_column_name(statement, index)),
    column: text(exports.sqlite3_column_origin_name(statement, index)),
    table: text(exports.sqlite3_column_table_name(statement, index)),
    database: text(exports.sqlite3_column_database_name(statement, index)),
    type: text(exports.sqlite3_column_decltype(statement, index)),
  }));
}
