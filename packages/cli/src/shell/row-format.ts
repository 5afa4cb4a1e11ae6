import type { SqlValue } from "@graft/sqlite-engine";
import { toJson } from "../output.ts";
import { formatCell, formatCellOnLine } from "./cell.ts";

/** How rows are printed. */
export type Mode = "table" | "list" | "csv" | "json" | "line";

export const MODES: readonly Mode[] = ["table", "list", "csv", "json", "line"];

/** Takes the rows of one statement and prints them. */
export interface RowPrinter {
  row(values: readonly SqlValue[]): void;
  /** Prints what is still held back. */
  end(): void;
}

export interface RowFormatOptions {
  readonly mode: Mode;
  /** Column names of the result. */
  readonly columns: readonly string[];
  /** Takes text as it becomes ready. */
  readonly write: (text: string) => void;
}

/** Rows a table measures before it fixes the widths of its columns. */
const MEASURED_ROW_COUNT = 1_000;
/** A column of a table at the very most, characters. */
const CELL_WIDTH_MAX = 60;

export function createRowPrinter(options: RowFormatOptions): RowPrinter {
  if (options.columns.length === 0) return { row: () => undefined, end: () => undefined };
  switch (options.mode) {
    case "table":
      return new TablePrinter(options);
    case "list":
      return eachRow(options, (values) => values.map(formatCell).join("|"));
    case "csv":
      options.write(`${options.columns.map(quoteCsv).join(",")}\n`);
      return eachRow(options, (values) => values.map((v) => quoteCsv(formatCell(v))).join(","));
    case "json":
      return eachRow(options, (values) => toJson(rowObject(options.columns, values)));
    case "line":
      return linePrinter(options);
  }
}

/** Names and values as an object. Of two columns with one name the second becomes "name:2". */
export function rowObject(
  columns: readonly string[],
  values: readonly SqlValue[],
): Readonly<Record<string, SqlValue>> {
  const entries = new Map<string, SqlValue>();
  for (const [at, column] of columns.entries()) {
    let name = column;
    for (let count = 2; entries.has(name); count++) name = `${column}:${count}`;
    entries.set(name, values[at] ?? null);
  }
  return Object.fromEntries(entries);
}

function eachRow(
  options: RowFormatOptions,
  format: (values: readonly SqlValue[]) => string,
): RowPrinter {
  return { row: (values) => options.write(`${format(values)}\n`), end: () => undefined };
}

function linePrinter(options: RowFormatOptions): RowPrinter {
  const width = Math.max(0, ...options.columns.map((name) => name.length));
  let isFirst = true;
  return {
    row(values) {
      const lines = options.columns.map(
        (name, at) => `${name.padStart(width)} = ${formatCell(values[at])}`,
      );
      options.write(`${isFirst ? "" : "\n"}${lines.join("\n")}\n`);
      isFirst = false;
    },
    end: () => undefined,
  };
}

interface Cell {
  readonly text: string;
  /** Numbers stand to the right. */
  readonly isNumber: boolean;
}

/** Measures the first rows, prints them aligned, and goes on with the same widths. */
class TablePrinter implements RowPrinter {
  readonly #options: RowFormatOptions;
  #held: (readonly Cell[])[] = [];
  #widths: readonly number[] | undefined;

  constructor(options: RowFormatOptions) {
    this.#options = options;
  }

  row(values: readonly SqlValue[]): void {
    const cells = values.map(toCell);
    if (this.#widths === undefined) {
      this.#held.push(cells);
      if (this.#held.length >= MEASURED_ROW_COUNT) this.#release();
    } else {
      this.#write(cells, this.#widths);
    }
  }

  end(): void {
    if (this.#widths === undefined) this.#release();
  }

  #release(): void {
    const { columns, write } = this.#options;
    const widths = columns.map((name, at) =>
      Math.max(name.length, ...this.#held.map((row) => row[at]?.text.length ?? 0)),
    );
    this.#write(
      columns.map((text) => ({ text, isNumber: false })),
      widths,
    );
    write(`${widths.map((width) => "─".repeat(width)).join("  ")}\n`);
    for (const row of this.#held) this.#write(row, widths);
    this.#held = [];
    this.#widths = widths;
  }

  #write(cells: readonly Cell[], widths: readonly number[]): void {
    const texts = cells.map(({ text, isNumber }, at) => {
      const width = widths[at] ?? 0;
      return isNumber ? text.padStart(width) : text.padEnd(width);
    });
    this.#options.write(`${texts.join("  ").trimEnd()}\n`);
  }
}

function toCell(value: SqlValue): Cell {
  const text = formatCellOnLine(value);
  const isNumber = typeof value === "number" || typeof value === "bigint";
  const isLong = text.length > CELL_WIDTH_MAX;
  return { text: isLong ? `${text.slice(0, CELL_WIDTH_MAX - 1)}…` : text, isNumber };
}

/** RFC 4180. */
function quoteCsv(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
