import type { VolumeId } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { hasFrameData } from "./catalog-commit.ts";
import { indexSizeOf, inlineSizeOf } from "./commit-size.ts";
import { MemoryVolumeCatalog } from "./memory-volume-catalog.ts";
import { catalogCommits } from "./testing/catalog-commits.ts";
import { volumeCatalogContract } from "./testing/contract.ts";
import type { CatalogCommit } from "./volume-catalog.ts";

volumeCatalogContract("MemoryVolumeCatalog", () => new MemoryVolumeCatalog());
volumeCatalogContract(
  "MemoryVolumeCatalog without room for inline pages",
  () => new MemoryVolumeCatalog({ inlineSizeMax: 0 }),
);

const random = new SeededRandom(5);
const vidOf = (commits: readonly CatalogCommit[]): VolumeId => {
  const [first] = commits;
  if (first === undefined) throw new Error("a chain has a first commit");
  return first.record.volumeId;
};
const sizeOf = (commits: Iterable<CatalogCommit>): number =>
  [...commits].reduce((sum, commit) => sum + indexSizeOf(commit) + inlineSizeOf(commit), 0);
const hasInline = (commit: CatalogCommit | undefined): boolean =>
  commit?.record.inlineFrames.some(hasFrameData) ?? false;

describe("a catalog in memory", () => {
  test("knows what it holds, to the byte of its own estimate", () => {
    const catalog = new MemoryVolumeCatalog({ inlineSizeMax: 20_000 });
    const chains = Array.from({ length: 5 }, () => catalogCommits(random, 30));
    for (const commits of chains) for (const commit of commits) catalog.insert(commit);
    const held = chains.flatMap((commits) =>
      commits.map(({ record }) => catalog.get(record.volumeId, record.lsn)),
    );
    expect(catalog.size).toBe(sizeOf(held.filter((commit) => commit !== undefined)));
    for (const commits of chains) catalog.forget(vidOf(commits));
    expect(catalog.size).toBe(0);
    expect(catalog.volumeCount).toBe(0);
  });

  test("releases the inline pages that came first, and keeps everything else", () => {
    const catalog = new MemoryVolumeCatalog({ inlineSizeMax: 10_000 });
    const commits = catalogCommits(random, 60).filter((_, lsn) => lsn < 60);
    for (const commit of commits) catalog.insert(commit);
    const held = commits.map(({ record }) => catalog.get(record.volumeId, record.lsn));
    const inlineSize = held.reduce((sum, commit) => sum + (commit ? inlineSizeOf(commit) : 0), 0);
    expect(inlineSize).toBeLessThanOrEqual(10_000);
    expect(inlineSize).toBeGreaterThan(0);
    const withInline = held.filter((_, at) => commits[at]?.record.inlineFrames.length);
    const states = withInline.map(hasInline);
    expect(states).toEqual(states.toSorted((a, b) => Number(a) - Number(b)));
    expect(held.every((commit) => commit !== undefined)).toBe(true);
  });

  test("forgets whole volumes, the least recently used first, never the one at hand", () => {
    const chains = Array.from({ length: 10 }, () => catalogCommits(random, 20));
    const sizeMax = 5 * Math.max(...chains.map(sizeOf));
    const catalog = new MemoryVolumeCatalog({ sizeMax });
    const [first] = chains;
    if (first === undefined) throw new Error("there are ten chains");
    for (const commits of chains) {
      for (const commit of commits) {
        catalog.insert(commit);
        catalog.head(vidOf(first));
      }
      expect(catalog.size).toBeLessThanOrEqual(sizeMax);
    }
    expect(catalog.head(vidOf(first))?.record.lsn).toBe(20n);
    const held = chains.map((commits) => catalog.extent(vidOf(commits)) !== undefined);
    expect(held[1]).toBe(false);
    expect(held.at(-1)).toBe(true);
    for (const commits of chains) {
      const extent = catalog.extent(vidOf(commits));
      if (extent !== undefined) expect(extent).toEqual({ floor: 1n, head: 20n });
    }
  });

  test("begins a volume that is greater than all of its budget anew, at its newest commit", () => {
    const catalog = new MemoryVolumeCatalog({ sizeMax: 1 });
    const [one, other] = [catalogCommits(random, 20), catalogCommits(random, 3)];
    for (const commit of one) expect(catalog.insert(commit)).toBe("inserted");
    expect(catalog.extent(vidOf(one))).toEqual({ floor: 20n, head: 20n });
    for (const commit of other) catalog.insert(commit);
    expect(catalog.volumeCount).toBe(1);
    expect(catalog.extent(vidOf(other))).toEqual({ floor: 3n, head: 3n });
  });

  test("never takes more than twice its budget, however long a volume is", () => {
    const chain = catalogCommits(random, 200);
    const sizeMax = sizeOf(chain.slice(0, 20));
    const catalog = new MemoryVolumeCatalog({ sizeMax });
    for (const commit of chain) {
      catalog.insert(commit);
      expect(catalog.size).toBeLessThanOrEqual(2 * sizeMax);
      expect(catalog.head(vidOf(chain))).toBeDefined();
    }
  });
});
