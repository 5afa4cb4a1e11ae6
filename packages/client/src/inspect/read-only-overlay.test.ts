import { SimulatedDisk } from "@graft/core/testing";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ReadOnlyOverlay } from "./read-only-overlay.ts";

const offset = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.constantFrom(4095, 4096, 8192));
const step = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    at: offset,
    size: fc.integer({ min: 0, max: 9000 }),
  }),
  fc.record({ kind: fc.constant("truncate" as const), at: offset, size: fc.constant(0) }),
  fc.record({
    kind: fc.constant("read" as const),
    at: offset,
    size: fc.integer({ min: 0, max: 9000 }),
  }),
);

it("a file in an overlay is read as it was written, and the file underneath stays as it was", () => {
  fc.assert(
    fc.property(offset, fc.array(step, { maxLength: 20 }), (baseSize, steps) => {
      const disk = new SimulatedDisk();
      const base = new Uint8Array(baseSize).fill(7);
      const below = disk.open("/file", "create");
      below.write(base, 0);
      const file = new ReadOnlyOverlay(disk).open("/file", "read-write");
      let model = base.slice();
      for (const [round, { kind, at, size }] of steps.entries()) {
        if (kind === "truncate") model = resized(model, at);
        if (kind === "truncate") file.truncate(at);
        if (kind === "write" && size > 0) {
          model = resized(model, Math.max(model.length, at + size)).fill(round + 10, at, at + size);
          file.write(new Uint8Array(size).fill(round + 10), at);
        }
        const target = new Uint8Array(kind === "read" ? size : 30_000).fill(99);
        const from = kind === "read" ? at : 0;
        const count = file.read(target, from);
        expect(target.subarray(0, count)).toEqual(model.subarray(from, from + target.length));
        expect(file.size()).toBe(model.length);
      }
      const left = new Uint8Array(baseSize);
      below.read(left, 0);
      expect(below.size()).toBe(baseSize);
      expect(left).toEqual(base);
    }),
  );
});

it("names that are made, renamed and removed in an overlay are so only there", async () => {
  const disk = new SimulatedDisk();
  disk.makeDirectory("/d");
  await disk.writeWhole("/d/old", [Uint8Array.of(1)], "replace");
  const overlay = new ReadOnlyOverlay(disk);
  await overlay.writeWhole("/d/new", [Uint8Array.of(2)], "replace");
  overlay.rename("/d/new", "/d/named");
  expect(overlay.remove("/d/old")).toBe(true);
  expect(overlay.list("/d")).toEqual(["named"]);
  expect(await overlay.readWhole("/d/named")).toEqual(Uint8Array.of(2));
  expect(await overlay.readWhole("/d/old")).toBeUndefined();
  expect(overlay.stat("/d/old")).toBeUndefined();
  expect(() => overlay.open("/d/old", "read")).toThrow("does not exist");
  expect(() => overlay.removeTree("/d")).toThrow("only looked at");
  expect(disk.list("/d")).toEqual(["old"]);
});

function resized(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(size);
  copy.set(bytes.subarray(0, size));
  return copy;
}
