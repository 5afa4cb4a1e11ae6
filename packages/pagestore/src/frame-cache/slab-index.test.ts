import { describe, expect, it } from "vitest";
import type { SlabEntry, SlabHead, SlabQueue } from "./frame-slab.ts";
import { SlabIndex } from "./slab-index.ts";

const LIMITS = { sizeMax: 1000, frameCountMax: 40, slabCountMax: 20 };

/** A slab of frames of 10 bytes, all of them wanted when it says so. */
function head(queue: SlabQueue, keys: readonly string[], size = keys.length * 10): SlabHead {
  const entry = (key: string, at: number): SlabEntry => {
    return { key, codec: "raw", offset: at * 10, size: 10 };
  };
  return { queue, entries: keys.map(entry), size };
}

describe("the index of slabs", () => {
  it("lets nothing go while there is room, to the byte, the frame and the slab", () => {
    const index = new SlabIndex(LIMITS);
    index.add(1, head("fresh", ["a"], 600));
    expect(index.victimFor(400, 39)).toBeUndefined();
    expect(index.victimFor(401, 1)?.sequence).toBe(1);
    expect(index.victimFor(1, 40)?.sequence).toBe(1);
    for (let at = 2; at <= 20; at++) index.add(at, head("kept", [`k${at}`]));
    expect(index.victimFor(1, 1)?.sequence).toBe(1);
  });

  it("lets fresh slabs go first until they are a tenth, then kept ones, the oldest first", () => {
    const index = new SlabIndex(LIMITS);
    index.add(1, head("kept", ["a"], 400));
    index.add(2, head("kept", ["b"], 400));
    index.add(3, head("fresh", ["c"], 101));
    expect(index.victimFor(100, 1)?.sequence).toBe(3);
    const tenth = new SlabIndex(LIMITS);
    tenth.add(1, head("kept", ["a"], 400));
    tenth.add(2, head("kept", ["b"], 400));
    tenth.add(3, head("fresh", ["c"], 100));
    expect(tenth.victimFor(101, 1)?.sequence).toBe(1);
  });

  it("writes all wanted frames of a fresh slab again, and half of a kept one", () => {
    const index = new SlabIndex(LIMITS);
    const keys = ["a", "b", "c", "d", "e"];
    const wanted = new Set(keys);
    index.add(1, head("fresh", keys), wanted);
    const fresh = index.get("a")?.slab;
    expect([...(fresh === undefined ? [] : index.survivorsOf(fresh).keys())]).toEqual(keys);
    index.add(2, head("kept", keys), wanted);
    const kept = index.get("a")?.slab;
    expect([...(kept === undefined ? [] : index.survivorsOf(kept).keys())]).toEqual(["a", "b"]);
    // The older slab names them still, and holds none of them.
    expect(fresh === undefined ? 1 : index.survivorsOf(fresh).size).toBe(0);
  });

  it("remembers what left a fresh slab, a quarter as many as it may hold, until it is back", () => {
    const index = new SlabIndex(LIMITS);
    const keys = Array.from({ length: 15 }, (_, at) => `k${at}`);
    index.add(1, head("fresh", keys));
    const slab = index.get("k0")?.slab;
    if (slab !== undefined) index.remove(slab);
    expect(keys.filter((key) => index.isRemembered(key))).toEqual(keys.slice(5));
    expect(index.totals).toEqual({ size: 0, frames: 0, slabs: 0 });
    index.add(2, head("kept", ["k9"]));
    expect(index.isRemembered("k9")).toBe(false);
  });

  it("counts the later of two places of a frame, and keeps it when the older slab goes", () => {
    const index = new SlabIndex(LIMITS);
    index.add(1, head("fresh", ["a", "b"]));
    const older = index.get("a")?.slab;
    index.add(2, head("kept", ["a"]));
    if (older !== undefined) index.remove(older);
    expect(index.get("a")?.slab.sequence).toBe(2);
    expect(index.get("b")).toBeUndefined();
    expect(index.frameCount).toBe(1);
  });
});
