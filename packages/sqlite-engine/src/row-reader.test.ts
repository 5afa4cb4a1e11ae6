import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { EngineCore } from "./engine-core.ts";
import { installVfs } from "./install-vfs.ts";
import { MemoryVfs } from "./memory-vfs.ts";
import { createMissStrategy } from "./miss-strategy.ts";
import { loadNodeEngine } from "./node/load-engine.ts";
import { createRowReader, type RowShape } from "./row-reader.ts";
import type { Pointer } from "./sqlite-exports.ts";
import { valueStrideOf } from "./value-layout.ts";

const ROWS = 600;
const engine = await loadNodeEngine();
const core = await EngineCore.create(engine, {
  vfs: new MemoryVfs(),
  clock: new SimulatedClock(),
  random: new SeededRandom(1),
});
installVfs(core, createMissStrategy(core, "rerun").createEntries());
const { exports, heap } = core;
const stride = valueStrideOf(engine.module, exports, heap);

afterEach(() => vi.unstubAllGlobals());

describe("a row reader", () => {
  test("knows where the values of the pinned build lie", () => {
    expect(stride).toBe(40);
  });

  const shapes: readonly RowShape[] = ["object", "array", "value"];
  test.each(shapes)("reads rows as %s from the heap as through the interface", (shape) => {
    expect(rowsOf(shape, stride)).toEqual(rowsOf(shape, undefined));
  });

  test("makes the same rows where functions may not be made of text", () => {
    const expected = rowsOf("object", stride);
    vi.stubGlobal("Function", () => {
      throw new EvalError("refused by the page's policy");
    });
    expect(rowsOf("object", stride)).toEqual(expected);
  });

  test("takes any column name, and the last of two with one name", () => {
    const names = `select i as "a""b\\", i as "\u2028", i as "constructor", i as x, -i as x`;
    const rows = rowsOf("object", stride, names) as Record<string, number>[];
    expect(rows.at(-1)).toEqual({ 'a"b\\': ROWS, "\u2028": ROWS, constructor: ROWS, x: -ROWS });
  });
});

/** Every kind of value, among them texts around the sizes at which decoding changes its way. */
const VALUES = `select i, -i, i * 0.25, null, case i % 3 when 0 then 'text' when 1 then 7 end as mixed,
  (i - 300) * 3000000000 as wide, substr('abcdefghijklmnopqrstuvwxyz0123456789+/', 1, i % 40) as text,
  substr('äöü€😀', 1, i % 7) || substr('0123456789', 1, i % 11) as foreign_text,
  cast(substr('blob', 1, i % 5) as blob) as blob, zeroblob(i % 4) as zeros,
  cast('12' as integer) + 0.0 as real`;

function rowsOf(shape: RowShape, valueStride: number | undefined, sql: string = VALUES): unknown[] {
  const statement = prepare(
    `${sql} from (with recursive n(i) as (values (1) union all select i + 1 from n where i < ${ROWS}) select i from n)`,
  );
  const count = exports.sqlite3_column_count(statement);
  const names = Array.from({ length: count }, (_, index) =>
    heap.mustDecodeCString(exports.sqlite3_column_name(statement, index)),
  );
  const read = createRowReader(shape, { exports, heap, names, readsBigInts: false, valueStride });
  const rows: unknown[] = [];
  while (exports.sqlite3_step(statement) === 100) rows.push(read(statement));
  exports.sqlite3_finalize(statement);
  expect(rows).toHaveLength(ROWS);
  return rows;
}

function prepare(sql: string): Pointer {
  const target = exports.sqlite3_malloc(4);
  if (core.database === 0) {
    const name = heap.createText(exports, ":memory:");
    exports.sqlite3_open_v2(name?.pointer ?? 0, target, 0x6, 0);
    core.database = heap.readWord(target);
  }
  const text = heap.createText(exports, sql);
  const answer = exports.sqlite3_prepare_v3(
    core.database,
    text?.pointer ?? 0,
    text?.size ?? 0,
    0,
    target,
    0,
  );
  expect(answer).toBe(0);
  return heap.readWord(target);
}
