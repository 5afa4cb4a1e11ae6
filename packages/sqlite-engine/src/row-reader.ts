import type { Pointer } from "./sqlite-exports.ts";
import type { ColumnReader, SqlValue } from "./values.ts";
import { readColumn, readValue } from "./values.ts";

/** A row as an object: column name → value. Of two columns with one name the last is kept. */
export type SqlRow = Record<string, SqlValue>;

/** How rows are handed out: objects, arrays (`raw()`), or the first column alone (`pluck()`). */
export type RowShape = "object" | "array" | "value";

/** Makes one row of what the statement stands on. */
export type RowReader = (statement: Pointer) => unknown;

/** Compiling a function takes 20 µs; it saves 0.1 µs a row. */
const ROWS_BEFORE_COMPILING = 256;
/** Wider rows are rare, and the function for them long. */
const COMPILED_COLUMNS_MAX = 100;

/** A reader for statements with these columns. Made once for a statement: it is the hot path. */
export function createRowReader(shape: RowShape, columns: ColumnReader): RowReader {
  const { names } = columns;
  const read = createValueReader(columns);
  const count = names.length;
  switch (shape) {
    case "value":
      return (statement) =>
        count === 0 ? undefined : read(statement, firstValue(columns, statement), 0);
    case "array":
      return (statement) => {
        const first = firstValue(columns, statement);
        const row: SqlValue[] = [];
        for (let index = 0; index < count; index++) row.push(read(statement, first, index));
        return row;
      };
    case "object":
      return names.includes("__proto__")
        ? createCarefulReader(columns)
        : createObjectReader(columns, read);
  }
}

/** Reads one column of a row whose first value lies at `first`. */
type ValueReader = (statement: Pointer, first: Pointer, index: number) => SqlValue;

function createValueReader(columns: ColumnReader): ValueReader {
  const { valueStride } = columns;
  return valueStride === undefined
    ? (statement, _first, index) => readColumn(columns, statement, index)
    : (statement, first, index) =>
        readValue(columns, statement, index, first + index * valueStride);
}

function firstValue({ exports, valueStride }: ColumnReader, statement: Pointer): Pointer {
  return valueStride === undefined ? 0 : exports.sqlite3_column_value(statement, 0);
}

function createObjectReader(columns: ColumnReader, read: ValueReader): RowReader {
  const { names } = columns;
  const count = names.length;
  let compiled: RowReader | undefined;
  let rowCount = 0;
  return (statement) => {
    if (compiled !== undefined) return compiled(statement);
    if (++rowCount === ROWS_BEFORE_COMPILING) compiled = compileObjectReader(columns, read);
    const first = firstValue(columns, statement);
    const row: SqlRow = {};
    for (let index = 0; index < count; index++) {
      row[names[index] as string] = read(statement, first, index);
    }
    return row;
  };
}

/**
 * The same with the names written out: all its rows have one shape from the start. Undefined where
 * a page's policy refuses functions made of text.
 */
function compileObjectReader(columns: ColumnReader, read: ValueReader): RowReader | undefined {
  const { names, exports, valueStride } = columns;
  if (names.length > COMPILED_COLUMNS_MAX || valueStride === undefined) return undefined;
  const properties = names.map((name, index) => `${JSON.stringify(name)}: r(s, f, ${index})`);
  const body = `return (s) => { const f = v(s, 0); return { ${properties.join(", ")} }; };`;
  try {
    const make = new Function("v", "r", body) as (
      value: (statement: Pointer, index: number) => Pointer,
      read: ValueReader,
    ) => RowReader;
    return make(exports.sqlite3_column_value, read);
  } catch {
    return undefined;
  }
}

/** For the one column name that assignment does not treat as a property. */
function createCarefulReader(columns: ColumnReader): RowReader {
  return (statement) => {
    const entries = columns.names.map(
      (name, index) => [name, readColumn(columns, statement, index)] as const,
    );
    return Object.fromEntries(entries);
  };
}
