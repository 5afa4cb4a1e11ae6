/** Page sets: the set itself, and its wire form at the door. Both canonical. */
import { decodePageSet, encodePageSet } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import { decode, encode, encodedSize, Splinter, SplinterError } from "@graft/splinter";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt, mustBeBytes } from "../oracle.ts";

/** Sets of every form: runs, bitmaps, full blocks, many chunks. */
function randomSets(random: SeededRandom): Uint8Array[] {
  const sets = [new Splinter(), Splinter.of(1), Splinter.fromRange(1, 70_000)];
  sets.push(Splinter.fromRange(1, 0x2_ffff), Splinter.of(1, 0xffff_ffff));
  for (let count = 0; count < 12; count++) {
    const set = new Splinter();
    const step = random.pick([1, 2, 7, 300, 70_000, 20_000_000]);
    let at = random.integer(1, 1000);
    for (let members = random.integer(1, 200); members > 0 && at < 0xffff_0000; members--) {
      set.insertRange(at, at + random.integer(0, random.pick([0, 3, 300])));
      at += random.integer(1, step);
    }
    sets.push(set);
  }
  return sets.map(encode);
}

export const splinterTarget: FuzzTarget = {
  name: "splinter",
  count: 16_000,
  seeds: async (random) => randomSets(random),
  async run(bytes) {
    let set: Splinter;
    try {
      set = decode(bytes);
    } catch (error) {
      if (error instanceof SplinterError) return false;
      throw error;
    }
    mustBeBytes(encode(set), bytes, "what is accepted is canonical");
    if (encodedSize(set) !== bytes.length) throw new Error("the size is reckoned wrong");
    let members = 0;
    let ranges = 0;
    for (const { first, last } of set.ranges()) {
      if (last < first) throw new Error("a range ends before it begins");
      members += last - first + 1;
      ranges++;
    }
    if (members !== set.cardinality) throw new Error(`${ranges} ranges hold ${members} members`);
    return true;
  },
};

export const pageSetTarget: FuzzTarget = {
  name: "page-set",
  count: 8000,
  seeds: async (random) => randomSets(random),
  async run(bytes) {
    const set = await attempt(() => decodePageSet(bytes, "invalid-argument"), ["invalid-argument"]);
    if (set === undefined) return false;
    if (set.contains(0)) throw new Error("page index 0 got in");
    mustBeBytes(encodePageSet(set), bytes, "what is accepted is canonical");
    return true;
  },
};
