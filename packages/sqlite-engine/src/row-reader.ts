import type { Pointer } from "./sqlite-exports.ts";
import type { ColumnReader, SqlValue } from "./values.ts";
import { readColumn } from "./values.ts";

/** A row as an object: column name → value. Of two columns with one name the last is kept. */
export type SqlRow = Record<string, SqlValue>;

/** How rows are handed out: objects, arrays (`raw()`), or the first column alone (`pluck()`). */
export type RowShape = "object" | "array" | "value";

/** Makes one row of what the statement stands on. */
export type RowReader = (statement: Pointer) => unknown;

/** A reader for statements with these columns. Made once for a statement: it is the hot path. */
export function createRowReader(shape: RowShape, columns: ColumnReader): RowReader {
  const { names } = columns;
  const count = names.length;
  switch (shape) {
    case "value":
      return (statement) => (count === 0 ? undefined : readColumn(columns, statement, 0));
    case "array":
      return (statement) => {
        const row: SqlValue[] = [];
        for (let index = 0; index < count; index++) row.push(readColumn(columns, statement, index));
        return row;
      };
    case "object":
      return names.includes("__proto__")
        ? createCarefulReader(columns)
        : createObjectReader(columns);
  }
}

function createObjectReader(columns: ColumnReader): RowReader {
  const { names } = columns;
  const count = names.length;
  return (statement) => {
    const row: SqlRow = {};
    for (let index = 0; index < count; index++) {
      row[names[index] as string] = readColumn(columns, statement, index);
    }
    return row;
  };
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
