import { equalRows, type Row } from "./canonical-rows.ts";
import { quoteName, type StockDatabase } from "./stock-database.ts";
import { listTables, rowidName, type TableFacts } from "./table-list.ts";

/** What was held against what. */
export interface Comparison {
  /** Tables with the same rows in both. */
  readonly equal: readonly string[];
  /** A sentence for each difference. */
  readonly differences: readonly string[];
  /** Tables that stock SQLite cannot read here (a module it lacks). */
  readonly unreadable: readonly string[];
}

export interface CompareOptions {
  /**
   * Whether the tables behind virtual tables are compared as well: they are equal row for row only
   * when nothing was written to them, or by the same build of SQLite.
   */
  readonly withShadowTables: boolean;
}

/** Compares schema and every table, row by row, in rowid or key order. */
export function compareDatabases(
  expected: StockDatabase,
  actual: StockDatabase,
  options: CompareOptions,
): Comparison {
  const equal: string[] = [];
  const differences = compareSchemas(expected, actual);
  const unreadable: string[] = [];
  for (const table of listTables(expected)) {
    if (table.kind === "shadow" && !options.withShadowTables) continue;
    const outcome = compareTable(expected, actual, table);
    if (outcome === "equal") equal.push(table.name);
    else if (outcome === "unreadable") unreadable.push(table.name);
    else differences.push(outcome);
  }
  return { equal, differences, unreadable };
}

function compareSchemas(expected: StockDatabase, actual: StockDatabase): string[] {
  const [left, right] = [schemaOf(expected), schemaOf(actual)];
  return [
    ...[...left]
      .filter((entry) => !right.has(entry))
      .map((entry) => `missing in the schema: ${entry}`),
    ...[...right]
      .filter((entry) => !left.has(entry))
      .map((entry) => `added to the schema: ${entry}`),
  ];
}

function schemaOf(database: StockDatabase): ReadonlySet<string> {
  const rows = database.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema");
  return new Set(Array.from(rows, (row) => row.map(String).join(" ")));
}

/** "equal", "unreadable", or a sentence that says where they differ. */
function compareTable(
  expected: StockDatabase,
  actual: StockDatabase,
  table: TableFacts,
): "equal" | "unreadable" | (string & {}) {
  const sql = orderedSelect(table);
  try {
    expected.value(`SELECT count(*) FROM ${quoteName(table.name)}`);
  } catch {
    return "unreadable";
  }
  try {
    return compareRows(expected.rows(sql), actual.rows(sql), table.name);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `table ${table.name} cannot be read: ${why}`;
  }
}

function compareRows(
  expected: Iterable<Row>,
  actual: Iterator<Row>,
  name: string,
): "equal" | (string & {}) {
  let rowNumber = 0;
  for (const row of expected) {
    rowNumber++;
    const { value, done } = actual.next();
    if (done === true) return `table ${name}: row ${rowNumber} is missing`;
    if (!equalRows(row, value)) return `table ${name}: row ${rowNumber} differs`;
  }
  if (actual.next().done !== true) return `table ${name}: more than ${rowNumber} row(s)`;
  return "equal";
}

function orderedSelect(table: TableFacts): string {
  const name = quoteName(table.name);
  const rowid = rowidName(table);
  if (rowid !== undefined) return `SELECT ${rowid}, * FROM ${name} ORDER BY ${rowid}`;
  const key = table.keyColumns.map(quoteName).join(", ");
  return key === "" ? `SELECT * FROM ${name}` : `SELECT * FROM ${name} ORDER BY ${key}`;
}
