import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SpillArea, type SpillContent } from "./spill-area.ts";

const LIMIT = 64 * 1024;

function createArea(): { readonly area: SpillArea; readonly disk: SimulatedDisk } {
  const disk = new SimulatedDisk();
  const options = { fileSystem: disk, directory: "/data/tmp", random: new SeededRandom(1) };
  return { area: new SpillArea({ memoryMax: LIMIT, disk: options }), disk };
}

function readAll(content: SpillContent): Uint8Array {
  const bytes = new Uint8Array(content.size + 10);
  expect(content.read(bytes, 0)).toBe(content.size);
  return bytes.subarray(0, content.size);
}

const operation = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    file: fc.nat({ max: 2 }),
    offset: fc.nat({ max: 60_000 }),
    size: fc.integer({ min: 1, max: 20_000 }),
    byte: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({
    kind: fc.constant("truncate" as const),
    file: fc.nat({ max: 2 }),
    size: fc.nat({ max: 70_000 }),
  }),
  fc.record({ kind: fc.constant("clear" as const), file: fc.nat({ max: 2 }) }),
);

describe("files that never outlive the process", () => {
  test("hold what was written, in memory or on disk, and what lies between is zeros", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const { area, disk } = createArea();
        const contents = [area.create(), area.create(), area.create()];
        const models: Uint8Array[] = contents.map(() => new Uint8Array(0));
        for (const step of operations) {
          const content = contents[step.file] as SpillContent;
          const model = models[step.file] ?? new Uint8Array(0);
          models[step.file] = apply(content, model, step);
          expect(area.memorySize).toBeLessThanOrEqual(LIMIT);
        }
        contents.forEach((content, at) => {
          expect(readAll(content)).toEqual(models[at]);
        });
        expect(disk.list("/data/tmp") ?? []).toEqual([]);
        for (const content of contents) content.clear();
        expect(area.memorySize).toBe(0);
      }),
    );
  });

  test("are refused as a full disk when there is no directory for them", () => {
    const content = new SpillArea({ memoryMax: LIMIT }).create();
    content.write(new Uint8Array(1000), 0);
    expect(() => content.write(new Uint8Array(1000), LIMIT)).toThrow(/no directory for them/);
    expect(content.size).toBe(1000);
  });

  test("stay as they were when the disk is full", () => {
    const { area, disk } = createArea();
    for (const capacity of [0, 10]) {
      disk.capacity = capacity;
      const content = area.create();
      content.write(new Uint8Array([1, 2, 3]), 0);
      expect(() => content.write(new Uint8Array([8]), LIMIT)).toThrow(/disk is full/);
      expect(readAll(content)).toEqual(new Uint8Array([1, 2, 3]));
      content.clear();
    }
  });
});

type Operation = typeof operation extends fc.Arbitrary<infer Step> ? Step : never;

function apply(content: SpillContent, model: Uint8Array, step: Operation): Uint8Array {
  if (step.kind === "clear") {
    content.clear();
    return new Uint8Array(0);
  }
  if (step.kind === "truncate") {
    content.truncate(step.size);
    return resized(model, step.size);
  }
  const bytes = new Uint8Array(step.size).fill(step.byte);
  content.write(bytes, step.offset);
  const grown = resized(model, Math.max(model.length, step.offset + step.size));
  grown.set(bytes, step.offset);
  return grown;
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const copy = new Uint8Array(size);
  copy.set(bytes.subarray(0, size));
  return copy;
}

test("what an earlier file held is never seen in a later one", () => {
  const { area } = createArea();
  const earlier = area.create();
  earlier.write(new Uint8Array(16 * 1024).fill(0xff), 0);
  earlier.clear();
  expect(area.memorySize).toBe(0);
  const later = area.create();
  later.write(Uint8Array.of(1), 100);
  later.truncate(300);
  const expected = new Uint8Array(300);
  expected[100] = 1;
  expect(readAll(later)).toEqual(expected);
});
