import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlotAllocator } from "./slot-allocator.ts";

describe("a slot allocator", () => {
  it("gives a released slot out again only after the log was flushed", () => {
    const slots = new SlotAllocator();
    expect([slots.allocate(), slots.allocate()]).toEqual([0, 1]);
    slots.release(0);
    expect(slots.allocate()).toBe(2);
    expect([slots.freeCount, slots.waitingCount]).toEqual([0, 1]);
    slots.settle();
    expect(slots.allocate()).toBe(0);
  });

  it("gives back at once what nobody ever named", () => {
    const slots = new SlotAllocator();
    slots.giveBack(slots.allocate());
    expect(slots.allocate()).toBe(0);
  });

  it("says when a slot that recovery takes is taken already", () => {
    const slots = new SlotAllocator();
    expect([slots.take(5), slots.take(5), slots.take(0)]).toEqual([true, false, true]);
    expect([slots.count, slots.freeCount]).toEqual([6, 4]);
  });

  it("never gives a slot to two, and counts as a set does", () => {
    const step = fc.record({
      kind: fc.constantFrom("take", "back", "release", "settle", "cut"),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const slots = new SlotAllocator();
        const used = new Set<number>();
        const waiting = new Set<number>();
        for (const { kind, at } of steps) {
          const held = [...used];
          const one = held[at % Math.max(1, held.length)];
          if (kind === "take") {
            const slot = slots.allocate();
            expect(used.has(slot) || waiting.has(slot)).toBe(false);
            used.add(slot);
          } else if (kind === "settle") {
            slots.settle();
            waiting.clear();
          } else if (kind === "cut") {
            expect(slots.cutFree()).toBe(Math.max(-1, ...used, ...waiting) + 1);
          } else if (one !== undefined) {
            used.delete(one);
            if (kind === "back") slots.giveBack(one);
            else waiting.add(one);
            if (kind === "release") slots.release(one);
          }
          expect(slots.count - slots.freeCount).toBe(used.size + waiting.size);
          expect(slots.waitingCount).toBe(waiting.size);
        }
      }),
    );
  });
});
