import type { FileHeader } from "./file-header.ts";
import type { SchemaEntry } from "./schema.ts";

/**
 * Modules of the build that tables may use. A test asks the build itself (`PRAGMA module_list`).
 */
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

/** What will not work on the imported database, a line each: its pages come along all the same. */
export function importWarnings(
  { encoding }: FileHeader,
  schema: readonly SchemaEntry[],
): readonly string[] {
  const warnings = schema.flatMap(({ name, module }) =>
    module === undefined || BUILD_MODULES.has(module)
      ? []
      : [`table "${name}" uses the module ${module}, which this build of SQLite does not have`],
  );
  if (encoding === "utf-8") return warnings;
  const text = `the text of the database is ${encoding.toUpperCase()}`;
  return [
    `${text}, and this build of SQLite opens UTF-8 only: it can be exported again`,
    ...warnings,
  ];
}
