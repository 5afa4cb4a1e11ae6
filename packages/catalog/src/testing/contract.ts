import { GraftError, toLsn } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import type { CatalogCommit, VolumeCatalog } from "../volume-catalog.ts";
import { catalogCommits } from "./catalog-commits.ts";

/**
 * What every `VolumeCatalog` keeps. Each implementation calls this once; `create` gives an empty
 * one.
 */
export function volumeCatalogContract(name: string, create: () => VolumeCatalog): void {
  describe(`${name} keeps the volume catalog contract:`, () => {
    insertContract(create);
    lookupContract(create);
    refusalContract(create);
    walkContract(create);
  });
}

function chain(count: number, seed = 1): readonly CatalogCommit[] {
  return catalogCommits(new SeededRandom(seed), count);
}

function at(commits: readonly CatalogCommit[], lsn: number): CatalogCommit {
  const commit = commits[lsn - 1];
  if (commit === undefined) throw new Error(`the chain has no LSN ${lsn}`);
  return commit;
}

function insertContract(create: () => VolumeCatalog): void {
  test("a volume starts at any LSN and grows at both ends", () => {
    const catalog = create();
    const commits = chain(9);
    const { volumeId } = at(commits, 1).record;
    for (const lsn of [5, 6, 4, 3, 7, 8, 2, 1, 9]) {
      expect(catalog.insert(at(commits, lsn))).toBe("inserted");
    }
    expect(catalog.extent(volumeId)).toEqual({ floor: 1n, head: 9n });
    expect(catalog.head(volumeId)?.record.lsn).toBe(9n);
  });

  test("a commit inserted again changes nothing", () => {
    const catalog = create();
    const commits = chain(3);
    for (const commit of commits) catalog.insert(commit);
    for (const commit of commits) expect(catalog.insert(commit)).toBe("present");
    expect(catalog.extent(at(commits, 1).record.volumeId)).toEqual({ floor: 1n, head: 3n });
  });

  test("a commit that does not touch the range is not taken", () => {
    const catalog = create();
    const commits = chain(9);
    catalog.insert(at(commits, 4));
    for (const lsn of [2, 6, 9]) expect(catalog.insert(at(commits, lsn))).toBe("gap");
    expect(catalog.extent(at(commits, 1).record.volumeId)).toEqual({ floor: 4n, head: 4n });
  });

  test("volumes do not touch each other", () => {
    const catalog = create();
    const [one, other] = [chain(3, 1), chain(5, 2)];
    for (const commit of [...one, ...other]) catalog.insert(commit);
    expect(catalog.head(at(one, 1).record.volumeId)?.record.lsn).toBe(3n);
    catalog.forget(at(one, 1).record.volumeId);
    expect(catalog.head(at(one, 1).record.volumeId)).toBeUndefined();
    expect(catalog.head(at(other, 1).record.volumeId)?.record.lsn).toBe(5n);
  });
}

function lookupContract(create: () => VolumeCatalog): void {
  test("what is held is found as it was inserted", () => {
    const catalog = create();
    const commits = chain(5);
    const { volumeId } = at(commits, 1).record;
    for (const commit of commits) catalog.insert(commit);
    for (const commit of commits) {
      const found = catalog.get(volumeId, commit.record.lsn);
      expect(found?.hash).toEqual(commit.hash);
      expect(found?.storedSize).toBe(commit.storedSize);
      const { inlineFrames: _, ...expected } = commit.record;
      expect(found?.record).toMatchObject(expected);
      const sets = found?.record.inlineFrames.map(({ pageSet, hash }) => ({ pageSet, hash }));
      expect(sets).toEqual(
        commit.record.inlineFrames.map(({ pageSet, hash }) => ({ pageSet, hash })),
      );
    }
  });

  test("what is not held is undefined, not an error", () => {
    const catalog = create();
    const commits = chain(3);
    const { volumeId } = at(commits, 1).record;
    const one = toLsn(1n);
    expect(catalog.get(volumeId, one)).toBeUndefined();
    expect(catalog.head(volumeId)).toBeUndefined();
    expect(catalog.extent(volumeId)).toBeUndefined();
    expect(catalog.range(volumeId, { floor: one, head: one })).toBeUndefined();
    expect(catalog.descend(volumeId, one)).toBeUndefined();
    catalog.forget(volumeId);
    catalog.insert(at(commits, 2));
    for (const lsn of [1n, 3n]) {
      expect(catalog.get(volumeId, toLsn(lsn))).toBeUndefined();
      expect(catalog.descend(volumeId, toLsn(lsn))).toBeUndefined();
    }
  });

  test("a forgotten volume can be filled again, from another LSN", () => {
    const catalog = create();
    const commits = chain(5);
    const { volumeId } = at(commits, 1).record;
    for (const commit of commits) catalog.insert(commit);
    catalog.forget(volumeId);
    expect(catalog.get(volumeId, toLsn(2n))).toBeUndefined();
    expect(catalog.insert(at(commits, 3))).toBe("inserted");
    expect(catalog.extent(volumeId)).toEqual({ floor: 3n, head: 3n });
  });
}

function refusalContract(create: () => VolumeCatalog): void {
  test("another commit at an LSN that is held is corrupt, and changes nothing", () => {
    const catalog = create();
    const commits = chain(3);
    for (const commit of commits) catalog.insert(commit);
    const forged = { ...at(commits, 2), hash: new Uint8Array(32) };
    expectCorrupt(() => catalog.insert(forged), "0000000000000002 has changed");
    expect(catalog.get(forged.record.volumeId, toLsn(2n))?.hash).toEqual(at(commits, 2).hash);
  });

  test("a commit that names another parent than its neighbour is corrupt, at both ends", () => {
    const catalog = create();
    const commits = chain(3);
    catalog.insert(at(commits, 2));
    const stranger = { ...at(commits, 3), record: { ...at(commits, 3).record } };
    stranger.record.parentHash = new Uint8Array(32);
    expectCorrupt(() => catalog.insert(stranger), "0000000000000003 does not continue");
    const below = { ...at(commits, 1), hash: new Uint8Array(32) };
    expectCorrupt(() => catalog.insert(below), "0000000000000002 does not continue");
    const { volumeId } = at(commits, 1).record;
    expect(catalog.extent(volumeId)).toEqual({ floor: 2n, head: 2n });
  });
}

function walkContract(create: () => VolumeCatalog): void {
  const lsns = (commits: Iterable<CatalogCommit> | undefined): bigint[] | undefined =>
    commits === undefined ? undefined : [...commits].map((commit) => commit.record.lsn);

  test("a range is answered whole, ascending, or not at all", () => {
    const catalog = create();
    const commits = chain(6);
    const { volumeId } = at(commits, 1).record;
    for (const commit of commits.slice(1)) catalog.insert(commit);
    const range = (floor: bigint, head: bigint) =>
      catalog.range(volumeId, { floor: toLsn(floor), head: toLsn(head) });
    expect(lsns(range(2n, 6n))).toEqual([2n, 3n, 4n, 5n, 6n]);
    expect(lsns(range(4n, 4n))).toEqual([4n]);
    expect(range(1n, 3n)).toBeUndefined();
    expect(range(5n, 7n)).toBeUndefined();
    expect(range(5n, 4n)).toBeUndefined();
    const again = range(2n, 3n);
    expect([lsns(again), lsns(again)]).toEqual([
      [2n, 3n],
      [2n, 3n],
    ]);
  });

  test("a descent goes down to the floor", () => {
    const catalog = create();
    const commits = chain(6);
    const { volumeId } = at(commits, 1).record;
    for (const commit of commits.slice(2)) catalog.insert(commit);
    expect(lsns(catalog.descend(volumeId, toLsn(5n)))).toEqual([5n, 4n, 3n]);
    expect(catalog.descend(volumeId, toLsn(2n))).toBeUndefined();
  });

  test("a walk goes on over the commits it began with when the volume is forgotten", () => {
    const catalog = create();
    const commits = chain(4);
    const { volumeId } = at(commits, 1).record;
    for (const commit of commits) catalog.insert(commit);
    const walked: bigint[] = [];
    for (const commit of catalog.descend(volumeId, toLsn(4n)) ?? []) {
      walked.push(commit.record.lsn);
      catalog.forget(volumeId);
    }
    expect(walked).toEqual([4n, 3n, 2n, 1n]);
  });
}

function expectCorrupt(act: () => unknown, message: string): void {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(GraftError);
    expect((error as GraftError).code).toBe("corrupt");
    expect((error as GraftError).message).toContain(message);
    return;
  }
  expect.unreachable();
}
