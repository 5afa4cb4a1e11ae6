/**
 * A very small WASM assembler: enough to write modules of a few dozen bytes by hand (read-shim.ts,
 * trampolines.ts). Counts, sizes and indexes are unsigned LEB128: one byte below 128.
 *
 * | offset | bytes                | meaning                           |
 * |--------|----------------------|-----------------------------------|
 * | 0      | `00 61 73 6d`        | magic, NUL and "asm"              |
 * | 4      | `01 00 00 00`        | version 1                         |
 * | 8      | id, size, content    | sections, in ascending order of id |
 */
import { invariant } from "@graft/core";

/** The four bytes "\0asm", and version 1, little-endian. */
export const WASM_HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const;

/** Section ids. */
export const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

/**
 * Value types: `i` i32, `j` i64. One letter for each parameter; a function returns an i32, or
 * nothing when the last letter is `v`.
 */
export type Signature = string;

const FUNCTION_TYPE = 0x60;
const VALUE_TYPE: Readonly<Record<string, number>> = { i: 0x7f, j: 0x7e };
const KIND_FUNCTION = 0x00;

/** A section: its id, its size in bytes (LEB128), its items behind their count. */
export function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
}

/** An entry of the type section. */
export function functionType(signature: Signature): number[] {
  const isVoid = signature.endsWith("v");
  const parameters = Array.from(isVoid ? signature.slice(0, -1) : signature, (letter) => {
    const type = VALUE_TYPE[letter];
    invariant(type !== undefined, `signature letters are i and j, got ${signature}`);
    return type;
  });
  const results = isVoid ? [] : [0x7f];
  return [FUNCTION_TYPE, parameters.length, ...parameters, results.length, ...results];
}

/** An entry of the import section: a function of the type at `typeIndex`. */
export function importFunction(module: string, name: string, typeIndex: number): number[] {
  return [...text(module), ...text(name), KIND_FUNCTION, ...unsigned(typeIndex)];
}

/** An entry of the export section: the function at `functionIndex`; imports are counted first. */
export function exportFunction(name: string, functionIndex: number): number[] {
  return [...text(name), KIND_FUNCTION, ...unsigned(functionIndex)];
}

/** An entry of the code section: the size of the body, then the body. */
export function functionBody(body: readonly number[]): number[] {
  return [...unsigned(body.length), ...body];
}

function text(name: string): number[] {
  const bytes = Array.from(name, (letter) => letter.charCodeAt(0));
  invariant(bytes.length < 0x80, "a name fits one byte of length");
  return [bytes.length, ...bytes];
}

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}
