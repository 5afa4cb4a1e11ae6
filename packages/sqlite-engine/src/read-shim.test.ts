import { expect, test } from "vitest";
import { READ_SIGNATURE, shimBytes } from "./read-shim.ts";
import { createRowLoop } from "./row-loop.ts";
import { createTrampolines } from "./trampolines.ts";
import { webAssembly } from "./web-assembly.ts";

const READ_SHIM_HEX =
  "0061736d01000000" + // header
  "01090160047f7f7f7e017f" + // type (i32, i32, i32, i64) → i32
  "021402026a73037472790000026a73046d6973730000" + // imports js.try, js.miss
  "03020100" + // one function
  "070801047265616400" + // export "read"
  "020a250123" + // its index; the code section
  "01017f2000200120022003100022" + // r = try(…)
  "04417f46047f200020012002200310010520040b0b"; // r == -1 ? miss(…) : r

test("the shim for xRead is the 94 bytes of its table", () => {
  const bytes = shimBytes(READ_SIGNATURE);
  expect(bytes).toHaveLength(94);
  expect(Buffer.from(bytes).toString("hex")).toBe(READ_SHIM_HEX);
});

test("the shim calls miss exactly when try answers -1, with the same parameters", () => {
  const calls: unknown[][] = [];
  const js = {
    try: (file: number, _target: number, _size: number, offset: bigint) =>
      file === 7 ? -1 : Number(offset % 1000n),
    miss: (...parameters: unknown[]) => calls.push(parameters) + 40,
  };
  const instance = new webAssembly.Instance(new webAssembly.Module(shimBytes("iiij")), { js });
  const read = instance.exports.read as (...parameters: (number | bigint)[]) => number;
  expect(read(1, 2, 3, 2n ** 40n + 522n)).toBe(Number((2n ** 40n + 522n) % 1000n));
  expect(calls).toEqual([]);
  expect(read(7, 2, 3, 2n ** 40n)).toBe(41);
  expect(calls).toEqual([[7, 2, 3, 2n ** 40n]]);
});

test("the row loop steps while there are rows that are wanted", () => {
  const answers = [100, 100, 100, 101, 100, 100, 5];
  let rows = 0;
  const { step } = createTrampolines({
    step: { signature: "i", body: () => answers.shift() ?? 21 },
  });
  const run = createRowLoop(step, () => (++rows === 5 ? 0 : 1)) as unknown as (
    statement: number,
  ) => number;
  expect(run(1)).toBe(101);
  expect(rows).toBe(3);
  expect(run(1)).toBe(100);
  expect(rows).toBe(5);
  expect(run(1)).toBe(5);
});

test("a trampoline passes what it is given and answers what it is answered", () => {
  const { add, sum } = createTrampolines({
    add: { signature: "iij", body: (a: number, b: number, c: bigint) => a + b + Number(c) },
    sum: { signature: "", body: () => -3 },
  }) as unknown as Record<string, (...parameters: unknown[]) => number>;
  expect(add?.(1, -2, 5n)).toBe(4);
  expect(sum?.()).toBe(-3);
});
