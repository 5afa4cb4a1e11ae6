/**
 * The shim: how a page that is here costs no promise, and one that is not suspends SQLite.
 *
 * Under JSPI a WASM stack can be suspended only if no JavaScript frame lies between the promising
 * export at its bottom (`sqlite3_step`) and the suspending import at its top. A VFS method written
 * in JavaScript is such a frame when it calls another, and an import that is itself suspending
 * costs a promise at every call. So the decision is made in WASM: SQLite's function table holds
 * `read`, which calls a plain import, and calls the suspending one only when that answered MISS
 * (-1):
 *
 *     read(file, target, size, offset) =
 *       let r = try(file, target, size, offset)
 *       if r == -1 then miss(file, target, size, offset) else r
 *
 * The whole module for `xRead`, 94 bytes:
 *
 * | offset | bytes                                     | meaning                                     |
 * |--------|-------------------------------------------|---------------------------------------------|
 * | 0      | `00 61 73 6d 01 00 00 00`                 | header                                      |
 * | 8      | `01 09 01 60 04 7f 7f 7f 7e 01 7f`        | type 0: (i32, i32, i32, i64) → i32          |
 * | 19     | `02 14 02`                                | two imports                                 |
 * | 22     | `02 6a 73 03 74 72 79 00 00`              | function 0: "js" "try", type 0              |
 * | 31     | `02 6a 73 04 6d 69 73 73 00 00`           | function 1: "js" "miss", type 0             |
 * | 41     | `03 02 01 00`                             | function 2 is ours, type 0                  |
 * | 45     | `07 08 01 04 72 65 61 64 00 02`           | export "read" = function 2                  |
 * | 55     | `0a 25 01 23`                             | one body of 35 bytes                        |
 * | 59     | `01 01 7f`                                | one local, i32: `r`, after the 4 parameters |
 * | 62     | `20 00 20 01 20 02 20 03`                 | push the parameters                         |
 * | 70     | `10 00`                                   | call `try`                                  |
 * | 72     | `22 04`                                   | r = its answer, kept on the stack           |
 * | 74     | `41 7f 46`                                | equal to −1?                                |
 * | 77     | `04 7f`                                   | if, giving an i32                           |
 * | 79     | `20 00 20 01 20 02 20 03 10 01`           | call `miss` with the same parameters        |
 * | 89     | `05 20 04`                                | else r                                      |
 * | 92     | `0b 0b`                                   | end of if, end of body                      |
 *
 * The same module with other parameters serves `xFileControl` (commit point, asynchronous pragmas)
 * and the progress handler.
 */
import type { Signature } from "./wasm-module.ts";
import {
  exportFunction,
  functionBody,
  functionType,
  importFunction,
  SECTION,
  section,
  WASM_HEADER,
} from "./wasm-module.ts";

/** `xRead`: file, target, size, offset. */
export const READ_SIGNATURE: Signature = "iiij";

const LOCAL_GET = 0x20;
const LOCAL_TEE = 0x22;
const CALL = 0x10;
const I32_CONST = 0x41;
const I32_EQ = 0x46;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const I32 = 0x7f;
/** −1 as signed LEB128. */
const MINUS_ONE = 0x7f;
const TRY = 0;
const MISS_FUNCTION = 1;
const SHIM = 2;

/** The bytes of the module above; its export `read` has this signature. */
export function shimBytes(signature: Signature): Uint8Array {
  const parameters = Array.from(signature, (_, index) => [LOCAL_GET, index]).flat();
  const result = signature.length;
  const body = [
    ...[1, 1, I32],
    ...[...parameters, CALL, TRY, LOCAL_TEE, result],
    ...[I32_CONST, MINUS_ONE, I32_EQ, IF, I32],
    ...[...parameters, CALL, MISS_FUNCTION],
    ...[ELSE, LOCAL_GET, result, END, END],
  ];
  return new Uint8Array([
    ...WASM_HEADER,
    ...section(SECTION.type, [functionType(signature)]),
    ...section(SECTION.import, [importFunction("js", "try", 0), importFunction("js", "miss", 0)]),
    ...section(SECTION.function, [[0]]),
    ...section(SECTION.export, [exportFunction("read", SHIM)]),
    ...section(SECTION.code, [functionBody(body)]),
  ]);
}
