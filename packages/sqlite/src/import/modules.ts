import type { SchemaEntry } from "./schema.ts";

/** Modules of the build that tables may use. A test asks the build itself (`PRAGMA module_list`). */
export const BUILD_MODULES: ReadonlySet<string> = new Set([
  "bytecode",
  "dbstat",
  "fts5",
  "fts5vocab",
  "rtree",
  "rtree_i32",
  "sqlite_dbpage",
  "sqlite_stmt",
  "tables_used",
]);

/** What will not work on the imported database, a line for each table: its pages come along all the same. */
export function moduleWarnings(schema: readonly SchemaEntry[]): readonly string[] {
  return schema.flatMap(({ name, module }) =>
    module === undefined || BUILD_MODULES.has(module)
      ? []
      : [`table "${name}" uses the module ${module}, which this build of SQLite does not have`],
  );
}
