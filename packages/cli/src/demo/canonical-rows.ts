import type { SqlValue } from "@graft/sqlite-engine";

/** A row as an array; integers as bigints, so that 1 and 1.0 differ. */
export type Row = readonly SqlValue[];

/** Rows as text: equal text means equal answers, in order, with types. */
export function canonicalRows(rows: Iterable<Row>): string {
  return JSON.stringify(Array.from(rows, (row) => row.map(canonicalValue)));
}

/** Whether two rows are the same, types included. */
export function equalRows(left: Row, right: Row): boolean {
  if (left.length !== right.length) return false;
  return left.every((value, at) => equalValues(value, right[at]));
}

function equalValues(left: SqlValue, right: SqlValue | undefined): boolean {
  if (left === right || Object.is(left, right)) return true;
  if (!(left instanceof Uint8Array) || !(right instanceof Uint8Array)) return false;
  return Buffer.compare(left, right) === 0;
}

function canonicalValue(value: SqlValue): string {
  if (value === null) return "n";
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString("hex")}`;
  switch (typeof value) {
    case "bigint":
      return `i${value}`;
    case "number":
      return `r${value}`;
    case "string":
      return `t${value}`;
  }
}
