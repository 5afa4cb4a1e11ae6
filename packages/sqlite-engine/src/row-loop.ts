/**
 * The loop over the rows of a statement, in WASM: one promise for many rows.
 *
 * Under JSPI every call of a promising export makes a promise (0.8 µs), too dear for each row of a
 * scan. `run` steps until the statement ends or `row`, a plain import that takes the row, answers
 * 0:
 *
 *     run(statement) =
 *       loop
 *         let r = step(statement)
 *         if r != SQLITE_ROW then return r
 *         if row(statement) == 0 then return SQLITE_ROW
 *
 * `row` may call into SQLite (`sqlite3_column_…`), which only reads the current row. It must not
 * throw: an exception would unwind SQLite's stack.
 */

import {
  exportFunction,
  functionBody,
  functionType,
  importFunction,
  SECTION,
  section,
  WASM_HEADER,
} from "./wasm-module.ts";
import type { WasmFunction } from "./web-assembly.ts";
import { compileOnce, webAssembly } from "./web-assembly.ts";

/** Runs a statement until it ends or `row` declines: SQLITE_ROW, SQLITE_DONE or an error code. */
export type RowLoop = (statement: number) => number;

/** `SQLITE_ROW` = 100 as signed LEB128 takes two bytes. */
const ROW_LEB128 = [0xe4, 0x00] as const;

// One local `r` (1) after the parameter `statement` (0). 0x40: a block without a result.
const BODY = [
  ...[0x01, 0x01, 0x7f],
  ...[0x03, 0x40], // loop
  ...[0x20, 0x00, 0x10, 0x00, 0x22, 0x01], // r = step(statement)
  ...[0x41, ...ROW_LEB128, 0x47, 0x04, 0x40, 0x20, 0x01, 0x0f, 0x0b], // if r != ROW return r
  ...[0x20, 0x00, 0x10, 0x01, 0x0d, 0x00], // branch to loop while row(statement)
  ...[0x0b], // end of loop
  ...[0x41, ...ROW_LEB128], // ROW
  ...[0x0b],
];

const BYTES = new Uint8Array([
  ...WASM_HEADER,
  ...section(SECTION.type, [functionType("i")]),
  ...section(SECTION.import, [importFunction("js", "step", 0), importFunction("js", "row", 0)]),
  ...section(SECTION.function, [[0]]),
  ...section(SECTION.export, [exportFunction("run", 2)]),
  ...section(SECTION.code, [functionBody(BODY)]),
]);

/** Links the loop with an instance's `sqlite3_step` and a function that takes rows. */
export function createRowLoop(
  step: WasmFunction,
  row: (statement: number) => number,
): WasmFunction {
  const module = compileOnce("row loop", () => BYTES);
  const instance = new webAssembly.Instance(module, { js: { step, row } });
  return instance.exports.run as WasmFunction;
}
