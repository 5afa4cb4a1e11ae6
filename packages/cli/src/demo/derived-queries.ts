/**
 * Questions for any database, found by looking at its schema. What it cannot answer is `skipped`.
 */
import type { SqlValue } from "@graft/sqlite-engine";
import type { DemoQuery, SkippedQuery } from "./demo-query.ts";
import { quoteName, type StockDatabase } from "./stock-database.ts";
import { listTables, rowidName, type TableFacts } from "./table-list.ts";

const RANGE_ROW_COUNT = 1_000;

interface CountedTable {
  readonly table: TableFacts;
  readonly rowCount: number;
}

export function derivedQueries(stock: StockDatabase): readonly (DemoQuery | SkippedQuery)[] {
  const tables = countTables(stock);
  const largest = tables.at(-1);
  return [
    keyLookup(stock, largest),
    indexLookup(stock, tables),
    range(stock, largest),
    smallestCount(tables),
    fullText(stock),
  ];
}

/** Ordinary tables with rows, the small ones first. */
function countTables(stock: StockDatabase): readonly CountedTable[] {
  return listTables(stock)
    .filter((table) => table.kind === "table" && !table.name.startsWith("sqlite_"))
    .map((table) => {
      const count = stock.value(`SELECT count(*) FROM ${quoteName(table.name)}`);
      return { table, rowCount: Number(count) };
    })
    .filter(({ rowCount }) => rowCount > 0)
    .sort((left, right) => left.rowCount - right.rowCount);
}

function keyLookup(
  stock: StockDatabase,
  largest: CountedTable | undefined,
): DemoQuery | SkippedQuery {
  const name = "key lookup";
  if (largest === undefined) return { name, skipped: "no table has rows" };
  const { table, rowCount } = largest;
  const key = keyOf(table);
  if (key.length === 0) return { name, skipped: `table ${table.name} has no key that can be read` };
  const parameters = middleRow(stock, table, key, rowCount);
  return {
    name,
    sql: `SELECT * FROM ${quoteName(table.name)} WHERE ${equalities(key)}`,
    parameters,
  };
}

function indexLookup(
  stock: StockDatabase,
  tables: readonly CountedTable[],
): DemoQuery | SkippedQuery {
  const name = "first index";
  for (const { table, rowCount } of tables.toReversed()) {
    const indexes = [...stock.rows(`PRAGMA index_list (${quoteName(table.name)})`)];
    // A partial index answers only some questions; one on an expression has no column to ask for.
    for (const [, indexName, , origin, isPartial] of indexes) {
      if (origin === "pk" || isPartial === 1n) continue;
      const [first] = [...stock.rows(`PRAGMA index_info (${quoteName(String(indexName))})`)];
      const column = first?.[2];
      if (typeof column !== "string") continue;
      const [value = null] = middleRow(stock, table, [quoteName(column)], rowCount);
      if (value === null) continue;
      const order = keyOf(table).join(", ");
      return {
        name,
        sql:
          `SELECT * FROM ${quoteName(table.name)} WHERE ${quoteName(column)} = ?` +
          `${order === "" ? "" : ` ORDER BY ${order}`} LIMIT 100`,
        parameters: [value],
      };
    }
  }
  return { name, skipped: "no index on a plain column" };
}

function range(stock: StockDatabase, largest: CountedTable | undefined): DemoQuery | SkippedQuery {
  const name = "range of 1,000";
  if (largest === undefined) return { name, skipped: "no table has rows" };
  const { table, rowCount } = largest;
  const key = keyOf(table);
  const [first] = key;
  if (first === undefined) {
    return { name, skipped: `table ${table.name} has no key that can be read` };
  }
  const offset = Math.max(0, Math.floor((rowCount - RANGE_ROW_COUNT) / 2));
  const [from = null] = rowAt(stock, table, [first], offset);
  return {
    name,
    sql:
      `SELECT * FROM ${quoteName(table.name)} WHERE ${first} >= ? ` +
      `ORDER BY ${key.join(", ")} LIMIT ${RANGE_ROW_COUNT}`,
    parameters: [from],
  };
}

function smallestCount(tables: readonly CountedTable[]): DemoQuery | SkippedQuery {
  const name = "count of the smallest table";
  const [smallest] = tables;
  if (smallest === undefined) return { name, skipped: "no table has rows" };
  const sql = `SELECT count(*) FROM ${quoteName(smallest.table.name)}`;
  return { name, sql, parameters: [] };
}

function fullText(stock: StockDatabase): DemoQuery | SkippedQuery {
  const name = "full-text match";
  const sql =
    "SELECT name FROM sqlite_schema WHERE type = 'table' " +
    "AND sql LIKE 'create virtual table%using%fts5%'";
  for (const [table] of [...stock.rows(sql)]) {
    if (typeof table !== "string") continue;
    const word = frequentWord(stock, table);
    if (word === undefined) continue;
    return {
      name,
      sql: `SELECT rowid FROM ${quoteName(table)} WHERE ${quoteName(table)} MATCH ? ORDER BY rowid LIMIT 20`,
      parameters: [`"${word.replaceAll('"', '""')}"`],
    };
  }
  return { name, skipped: "no FTS5 table with words" };
}

/**
 * A word in the middle of the index; undefined for an empty one, or one without a list of words.
 */
function frequentWord(stock: StockDatabase, table: string): string | undefined {
  try {
    stock.exec(
      `CREATE VIRTUAL TABLE temp.graft_demo_words USING fts5vocab ('main', ${quoteText(table)}, 'row')`,
    );
    const word = stock.value("SELECT term FROM temp.graft_demo_words ORDER BY doc DESC LIMIT 1");
    stock.exec("DROP TABLE temp.graft_demo_words");
    return typeof word === "string" ? word : undefined;
  } catch {
    return undefined;
  }
}

/** What names one row: the rowid, else the primary key. As SQL. */
function keyOf(table: TableFacts): readonly string[] {
  const rowid = rowidName(table);
  return rowid === undefined ? table.keyColumns.map(quoteName) : [rowid];
}

function middleRow(
  stock: StockDatabase,
  table: TableFacts,
  columns: readonly string[],
  rowCount: number,
): readonly SqlValue[] {
  return rowAt(stock, table, columns, Math.floor(rowCount / 2));
}

function rowAt(
  stock: StockDatabase,
  table: TableFacts,
  columns: readonly string[],
  offset: number,
): readonly SqlValue[] {
  const order = keyOf(table).join(", ");
  const sql =
    `SELECT ${columns.join(", ")} FROM ${quoteName(table.name)}` +
    `${order === "" ? "" : ` ORDER BY ${order}`} LIMIT 1 OFFSET ${offset}`;
  const [row] = [...stock.rows(sql)];
  return row ?? [];
}

function equalities(columns: readonly string[]): string {
  return columns.map((column) => `${column} IS ?`).join(" AND ");
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
