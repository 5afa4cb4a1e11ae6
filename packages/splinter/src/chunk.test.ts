import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BITMAP_WORDS, BitmapChunk } from "./bitmap-chunk.ts";
import {
  BITMAP_RUN_COUNT_MIN,
  type Chunk,
  createChunk,
  equalChunks,
  findChunk,
  RUN_COUNT_MAX,
  settle,
} from "./chunk.ts";
import { RunChunk } from "./run-chunk.ts";

describe("settle", () => {
  test("a chunk becomes a bitmap at the first run that makes runs the larger form", () => {
    let chunk = createChunk(0, 0, 0);
    for (let run = 1; run < RUN_COUNT_MAX; run++) {
      chunk.insertRange(2 * run, 2 * run);
      chunk = settle(chunk);
    }
    expect(chunk.kind).toBe("runs");
    chunk.insertRange(60_000, 60_000);
    const bitmap = settle(chunk);
    expect(bitmap.kind).toBe("bitmap");
    expect(equalChunks(bitmap, chunk)).toBe(true);
    expect(equalChunks(chunk, bitmap)).toBe(true);
  });

  test("a bitmap becomes runs again when runs were removed or grew together", () => {
    for (const isRemoved of [true, false]) {
      let chunk = alternating(RUN_COUNT_MAX + 1);
      expect(chunk.kind).toBe("bitmap");
      while (chunk.runCount > BITMAP_RUN_COUNT_MIN) {
        expect(chunk.kind).toBe("bitmap");
        const last = 2 * (chunk.runCount - 1);
        if (isRemoved) {
          chunk.removeRange(last, last);
        } else {
          chunk.insertRange(last - 1, last - 1);
        }
        chunk = settle(chunk);
        if (!isRemoved && chunk.kind === "bitmap") {
          chunk.removeRange(last, 65_535);
          chunk = settle(chunk);
        }
      }
      expect(chunk.kind).toBe("runs");
    }
  });

  test("a full chunk is one run", () => {
    const chunk = alternating(32_768);
    expect(chunk.kind).toBe("bitmap");
    chunk.insertRange(0, 65_535);
    expect(settle(chunk)).toMatchObject({ kind: "runs", runCount: 1, cardinality: 65_536 });
  });
});

describe("findChunk", () => {
  const keys = [0, 1, 2, 7, 8, 300, 65_535];
  const chunks = keys.map((key) => createChunk(key, 0, 0));

  test("finds every key that is there, and the place of every key that is not", () => {
    for (const key of [...keys, 3, 6, 9, 299, 301, 65_534]) {
      const present = keys.indexOf(key);
      const place = keys.filter((each) => each < key).length;
      expect(findChunk(chunks, key)).toBe(present === -1 ? ~place : present);
    }
    expect(findChunk([], 5)).toBe(~0);
  });
});

describe("both forms of a chunk", () => {
  const low = fc.oneof(
    fc.integer({ min: 0, max: 70 }),
    fc.integer({ min: 250, max: 520 }),
    fc.integer({ min: 65_400, max: 65_535 }),
  );
  const change = fc.record({ isInsert: fc.boolean(), a: low, b: low });

  test("give the same answers after the same changes", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), low, low, (changes, a, b) => {
        const runs = new RunChunk(3);
        const bitmap = new BitmapChunk(3, new Uint32Array(BITMAP_WORDS));
        for (const { isInsert, a: from, b: to } of changes) {
          for (const chunk of [runs, bitmap]) {
            const [first, last] = [Math.min(from, to), Math.max(from, to)];
            isInsert ? chunk.insertRange(first, last) : chunk.removeRange(first, last);
          }
        }
        expect(equalChunks(runs, bitmap)).toBe(true);
        expect(equalChunks(bitmap, runs)).toBe(true);
        expect(answersOf(runs, Math.min(a, b), Math.max(a, b))).toEqual(
          answersOf(bitmap, Math.min(a, b), Math.max(a, b)),
        );
        expect(new BitmapChunk(3, bitmap.words.slice())).toEqual(bitmap);
        expect(equalChunks(runs.clone(), bitmap.clone())).toBe(true);
      }),
    );
  });
});

function alternating(count: number): Chunk {
  let chunk = createChunk(0, 0, 0);
  for (let index = 1; index < count; index++) {
    chunk.insertRange(2 * index, 2 * index);
    chunk = settle(chunk);
  }
  return chunk;
}

function answersOf(chunk: Chunk, a: number, b: number): unknown {
  const words = new Uint32Array(8);
  return {
    cardinality: chunk.cardinality,
    runCount: chunk.runCount,
    last: chunk.cardinality === 0 ? undefined : chunk.lastMember(),
    contains: [a, b].map((low) => chunk.contains(low)),
    firstFrom: [a, b, 0, 65_536].map((low) => chunk.firstFrom(low)),
    endOfRun: [a, b].map((low) => (chunk.contains(low) ? chunk.endOfRun(low) : -1)),
    count: chunk.countRange(a, b),
    blocks: [0, 1, 255].map((block) => [chunk.readBlock(block, words), ...words]),
  };
}
