import { MemoryVolumeCatalog, type VolumeCatalog } from "@graft/catalog";
import { MutablePageSet, type PageSet, toLsn, toPageCount, toPageSize } from "@graft/core";
import { foldCommits } from "@graft/format";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Pagestore } from "./pagestore.ts";
import { createHarness, type Harness } from "./testing/harness.ts";
import { applyNaively, type NaivePages } from "./testing/naive-volume.ts";
import type { WrittenCommit } from "./testing/volume-writer.ts";

const PAGE_SIZE = toPageSize(512);
/** Few indexes, so that histories collide; 256 and 65536 cross the seams of page sets. */
const INDEXES = [1, 2, 3, 4, 5, 8, 9, 255, 256, 257, 65_535, 65_536, 65_537];
const COUNTS = [0, 1, 2, 4, 8, 255, 256, 65_535, 65_537, 70_000];

interface LocalCommit {
  readonly writes: readonly number[];
  readonly pageCount: number;
}

interface Push {
  readonly locals: readonly LocalCommit[];
  readonly placement: Exclude<WrittenCommit["placement"], undefined>;
  readonly isBare: boolean;
  readonly hasCheckpoint: boolean;
}

const local: fc.Arbitrary<LocalCommit> = fc.record({
  writes: fc.uniqueArray(fc.constantFrom(...INDEXES), { maxLength: 8 }),
  pageCount: fc.constantFrom(...COUNTS),
});
const push: fc.Arbitrary<Push> = fc.record({
  locals: fc.array(local, { minLength: 1, maxLength: 3 }),
  placement: fc.oneof(
    fc.constant("inline" as const),
    fc.record({ segments: fc.integer({ min: 1, max: 3 }), omitFrames: fc.boolean() }),
  ),
  isBare: fc.integer({ min: 0, max: 3 }).map((roll) => roll === 0),
  hasCheckpoint: fc.integer({ min: 0, max: 2 }).map((roll) => roll === 0),
});
const history = fc.array(push, { minLength: 1, maxLength: 12 });
const reads = fc.array(
  fc.record({
    at: fc.nat(),
    wanted: fc.uniqueArray(fc.constantFrom(...INDEXES, 70_001, 4_294_967_295), { maxLength: 13 }),
    byteBudget: fc.constantFrom(0, 512, 1500, 5000, 100_000),
    restart: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

it("any snapshot, any page set and any budget read as the local histories wrote them", async () => {
  await fc.assert(
    fc.asyncProperty(history, reads, fc.nat(1000), async (pushes, asked, seed) => {
      // A catalog and a cache so small that they forget all the time.
      const catalog = (): VolumeCatalog =>
        new MemoryVolumeCatalog({ sizeMax: 4000, inlineSizeMax: 1500 });
      let harness = createHarness({
        seed,
        pageSize: PAGE_SIZE,
        catalog,
        frameCacheSize: 6000,
      });
      const states = await write(harness, pushes);
      for (const { at, wanted, byteBudget, restart } of asked) {
        if (restart) harness = harness.restart();
        const place = at % states.length;
        const set = MutablePageSet.from(wanted);
        const got = await readAll(harness, place + 1, set, byteBudget);
        expect(got).toEqual(expected(states[place] ?? new Map(), set));
        expect(await streamAll(harness, place + 1, set)).toEqual(got);
      }
    }),
    { numRuns: 80 },
  );
});

/**
 * Writes each push as one commit; answers the state after each, by the local commits one by one.
 */
async function write(harness: Harness, pushes: readonly Push[]): Promise<readonly NaivePages[]> {
  const states: NaivePages[] = [];
  let state: NaivePages = new Map();
  let stamp = 0;
  for (const { locals, placement, isBare, hasCheckpoint } of pushes) {
    const commits = locals.map(({ writes, pageCount }) => {
      const kept = writes.filter((index) => index <= pageCount);
      const pages = new Map(kept.map((index) => [index, content(index, ++stamp)]));
      return { pages, pageCount };
    });
    for (const commit of commits) state = applyNaively(state, commit);
    await harness.volume.commit({ ...folded(commits), placement, isBare });
    if (hasCheckpoint) await harness.volume.checkpoint();
    states.push(state);
  }
  return states;
}

function folded(
  commits: readonly { readonly pages: NaivePages; readonly pageCount: number }[],
): Omit<WrittenCommit, "placement"> {
  const fold = foldCommits(
    commits.map(({ pages, pageCount }) => ({
      pageSet: MutablePageSet.from(pages.keys()),
      pageCount: toPageCount(pageCount),
    })),
  );
  const pages = new Map<number, Uint8Array>();
  for (const [at, taken] of fold.taken.entries()) {
    for (const index of taken) pages.set(index, commits[at]?.pages.get(index) ?? new Uint8Array(0));
  }
  return { pages, pageCount: fold.pageCount, lowPageCount: fold.lowPageCount };
}

function content(index: number, stamp: number): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE).fill(stamp % 7 === 0 ? 0 : stamp);
  // Some pages compress and some do not.
  if (stamp % 3 === 0)
    for (let at = 0; at < page.length; at++)
      page[at] = (at * 73 + index * 31 + stamp * 17) ^ (at >> 3);
  return page;
}

type Got = readonly (readonly [index: number, data: string])[];

function expected(state: NaivePages, wanted: PageSet): Got {
  return [...wanted].flatMap((index) => {
    const data = state.get(index);
    return data === undefined ? [] : [[index, hex(data)] as const];
  });
}

/** Asks until everything is covered, and checks each answer on its own. */
async function readAll(
  harness: Harness,
  lsn: number,
  wanted: PageSet,
  byteBudget: number,
): Promise<Got> {
  const { pagestore, volume } = harness;
  const left = wanted.clone();
  const got: (readonly [number, string])[] = [];
  do {
    const request = {
      volumeId: volume.volumeId,
      lsn: toLsn(BigInt(lsn)),
      pageSet: left.clone(),
      byteBudget,
    };
    const { pages, covered } = await pagestore.readPages(request);
    expect(pages.length * PAGE_SIZE).toBeLessThanOrEqual(Math.max(byteBudget, PAGE_SIZE));
    expect(covered.isEmpty).toBe(left.isEmpty);
    for (const { index, data } of pages) {
      expect(covered.contains(index)).toBe(true);
      got.push([index, hex(data)]);
    }
    for (const index of covered) expect(left.remove(index)).toBe(true);
  } while (!left.isEmpty);
  return got.toSorted((a, b) => a[0] - b[0]);
}

async function streamAll(harness: Harness, lsn: number, wanted: PageSet): Promise<Got> {
  const got: (readonly [number, string])[] = [];
  const left = wanted.clone();
  const request: Parameters<Pagestore["streamPages"]>[0] = {
    volumeId: harness.volume.volumeId,
    lsn: toLsn(BigInt(lsn)),
    pageSet: wanted,
  };
  for await (const { pages, covered } of harness.pagestore.streamPages(request)) {
    for (const index of covered) expect(left.remove(index)).toBe(true);
    for (const { index, data } of pages) got.push([index, hex(data)]);
  }
  expect(left.isEmpty).toBe(true);
  return got;
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString("hex");
}
