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

  it("gives out what was reserved, lowest first, before the file grows", () => {
    const slots = new SlotAllocator();
    slots.growTo(10);
    slots.reserve(4, 2);
    expect([slots.count, slots.freeCount]).toEqual([10, 2]);
    expect([slots.allocate(), slots.allocate(), slots.allocate()]).toEqual([4, 5, 10]);
  });

  it("asks for more when none is left", () => {
    const slots = new SlotAllocator();
    slots.refill = () => slots.reserve(7, 2);
    expect([slots.allocate(), slots.allocate()]).toEqual([7, 8]);
  });

  it("never gives out again what a record named: it is no more its own", () => {
    const slots = new SlotAllocator();
    const slot = slots.allocate();
    slots.disown(slot);
    slots.release(slot);
    slots.settle();
    expect([slots.isOwn(slot), slots.freeCount, slots.allocate()]).toEqual([false, 0, 1]);
  });

  it("never gives a slot to two, and counts as a set does", () => {
    const step = fc.record({
      kind: fc.constantFrom("take", "back", "release", "settle", "name", "give-up", "cut"),
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
          } else if (kind === "give-up") {
            slots.disownFree();
            expect(slots.freeCount).toBe(0);
          } else if (kind === "cut") {
            slots.disownFree();
            slots.cutTo(Math.max(-1, ...used, ...waiting) + 1);
          } else if (one !== undefined) {
            if (kind === "name") {
              // It is a page's now, and may be this process's again when it is reserved.
              used.delete(one);
              slots.disown(one);
              expect(slots.isOwn(one)).toBe(false);
              if (one < slots.count) slots.reserve(one, 1);
              continue;
            }
            used.delete(one);
            if (kind === "back") slots.giveBack(one);
            else waiting.add(one);
            if (kind === "release") slots.release(one);
          }
          expect([...slots.givenOut()].sort((a, b) => a - b)).toEqual(
            [...used, ...waiting].sort((a, b) => a - b),
          );
          expect(slots.waitingCount).toBe(waiting.size);
        }
      }),
    );
  });
});
