/** The journal of a rebase and the outbox: what they keep, and what they make of damage. */
import { isGraftError } from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SetAsideTransaction } from "../volume.ts";
import { Outbox } from "./outbox.ts";
import { RebaseJournal } from "./rebase-journal.ts";
import { encodeSetAside, readSetAside } from "./set-aside.ts";
import { createDiskShelf, createMemoryShelf, type Shelf } from "./shelf.ts";

const WHY = { code: "SQLITE_CONSTRAINT", message: "no", atMs: 1_800_000_000_000 };

function transaction(id: string, replay?: Uint8Array): SetAsideTransaction {
  return { id, version: 7, message: undefined, replay };
}

function onDisk(): { readonly disk: SimulatedDisk; readonly shelf: Shelf } {
  const disk = new SimulatedDisk({ random: new SeededRandom(2) });
  return { disk, shelf: createDiskShelf(disk, "/data/aside") };
}

describe.each([
  ["on a disk", () => onDisk().shelf],
  ["in memory", createMemoryShelf],
])("%s", (_where, createShelf) => {
  it("a journal gives back what was written, in order, and is gone once removed", () => {
    const shelf = createShelf();
    const journal = new RebaseJournal(shelf);
    expect([journal.exists, journal.ids()]).toEqual([false, []]);
    const written = [transaction("a", Uint8Array.of(1, 2)), transaction("b")];
    journal.write(2, written);
    expect([...journal.read()].map((one) => ({ ...one, rejection: undefined }))).toEqual(
      written.map((one) => ({ ...one, rejection: undefined })),
    );
    // Rewritten while it is read: what is read is the old one.
    journal.write(
      2,
      (function* () {
        for (const one of journal.read()) yield { ...one, message: `again ${one.id}` };
      })(),
    );
    expect(Array.from(journal.read(), ({ message }) => message)).toEqual(["again a", "again b"]);
    expect(new RebaseJournal(shelf).exists).toBe(true);
    journal.remove();
    expect([journal.exists, journal.ids()]).toEqual([false, []]);
  });

  it("an outbox lists in the order of rejection, whatever was discarded between", () => {
    const outbox = new Outbox(createShelf());
    expect([outbox.count, outbox.list(), outbox.remove("a")]).toEqual([0, [], false]);
    for (const id of ["a", "b", "c"]) outbox.add(transaction(id), WHY);
    expect(outbox.remove("b")).toBe(true);
    outbox.add(transaction("d", Uint8Array.of(9)), WHY);
    expect(outbox.list().map(({ id }) => id)).toEqual(["a", "c", "d"]);
    expect([...outbox.ids()]).toEqual(["a", "c", "d"]);
    expect(outbox.get("d")).toEqual({ ...transaction("d", Uint8Array.of(9)), rejection: WHY });
    expect([outbox.count, outbox.get("b")]).toEqual([3, undefined]);
  });
});

describe("damage", () => {
  it("anywhere in a journal is told, with the file", () => {
    for (let offset = 0; offset < 90; offset += 3) {
      const { disk, shelf } = onDisk();
      const journal = new RebaseJournal(shelf);
      journal.write(1, [transaction("some id", new Uint8Array(40))]);
      disk.corrupt("/data/aside/rebase", offset);
      expect(journal.exists).toBe(true);
      expect(() => journal.ids(), `offset ${offset}`).toThrow(/"\/data\/aside\/rebase" is damaged/);
    }
  });

  it("of one file of the outbox hides no other", () => {
    const { disk, shelf } = onDisk();
    const outbox = new Outbox(shelf);
    for (const id of ["a", "b"]) outbox.add(transaction(id), WHY);
    disk.corrupt("/data/aside/outbox-00000001", 12);
    expect(outbox.list().map(({ id, rejection }) => [id, rejection.code])).toEqual([
      ["outbox-00000001", "corrupt"],
      ["b", WHY.code],
    ]);
    expect(outbox.remove("outbox-00000001")).toBe(true);
    expect(outbox.list().map(({ id }) => id)).toEqual(["b"]);
  });

  it("is all that random bytes are", () => {
    const file = (bytes: Uint8Array) => ({
      size: bytes.length,
      read: (target: Uint8Array, offset: number): number => {
        const part = bytes.subarray(offset, offset + target.length);
        target.set(part);
        return part.length;
      },
      close: () => undefined,
    });
    const whole = encodeSetAside({ ...transaction("a", Uint8Array.of(1)), rejection: WHY });
    expect(readSetAside(file(whole), "f", 0).end).toBe(whole.length);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          readSetAside(file(bytes), "f", 0);
        } catch (error) {
          expect(isGraftError(error, "corrupt")).toBe(true);
        }
      }),
    );
  });
});

describe("a power loss", () => {
  it("while a journal is replaced leaves the old one or the new one, wholly", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
      const journal = new RebaseJournal(createDiskShelf(disk, "/data/aside"));
      journal.write(1, [transaction("old")]);
      disk.inject({ operation: "change", nth: 1 + (seed % 6), reason: "power-loss" });
      const large = Array.from({ length: 20 }, (_, at) =>
        transaction(`new ${at}`, new Uint8Array(700)),
      );
      try {
        journal.write(20, large);
      } catch {
        // The machine stopped.
      }
      disk.crash();
      const ids = new RebaseJournal(createDiskShelf(disk, "/data/aside")).ids();
      expect([1, 20]).toContain(ids.length);
      expect(ids[0]).toBe(ids.length === 1 ? "old" : "new 0");
    }
  });
});
