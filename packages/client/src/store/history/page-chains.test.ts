import * as fc from "fast-check";
import { expect, it } from "vitest";
import { NO_VERSION, PageChains } from "./page-chains.ts";

const PAGES = [1, 2, 3, 4];
const VERSION_COUNT = 12;

/** What a page has, newest first. */
type Model = Map<number, Map<number, number>>;

function newestFirst(model: Model, page: number): [version: number, location: number][] {
  return [...(model.get(page) ?? [])].sort(([a], [b]) => b - a);
}

function check(chains: PageChains, model: Model): void {
  const all: [page: number, version: number, location: number][] = [];
  for (const page of PAGES) {
    const versions = newestFirst(model, page);
    for (const [version, location] of versions) all.push([page, version, location]);
    const found = chains.versionsOf(page).map(({ version, location }) => [version, location]);
    expect(found).toEqual(versions);
    expect(chains.newest(page)).toBe(versions[0]?.[0] ?? NO_VERSION);
    for (let version = 0; version < VERSION_COUNT; version++) {
      const expected = versions.find(([one]) => one <= version);
      expect(chains.seek(page, version)).toBe(expected?.[0] ?? NO_VERSION);
      if (expected !== undefined) expect(chains.foundLocation).toBe(expected[1]);
    }
  }
  expect(chains.count).toBe(all.length);
  const visited: [page: number, version: number, location: number][] = [];
  chains.forEach((...one) => {
    visited.push(one);
  });
  const listed = [...chains.all()].map(({ page, version, location }) => [page, version, location]);
  expect(new Set(visited.map(String))).toEqual(new Set(all.map(String)));
  expect(new Set(listed.map(String))).toEqual(new Set(all.map(String)));
}

it("chains agree with maps of versions, whatever is put in, moved and taken out", () => {
  const step = fc.record({
    page: fc.constantFrom(...PAGES),
    version: fc.nat({ max: VERSION_COUNT - 1 }),
    location: fc.nat({ max: 1000 }),
    isGone: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const chains = new PageChains();
      const model: Model = new Map(PAGES.map((page) => [page, new Map()]));
      for (const { page, version, location, isGone } of steps) {
        const versions = model.get(page);
        const old = versions?.get(version);
        if (isGone) {
          expect(chains.remove(page, version)).toBe(old);
          versions?.delete(version);
        } else {
          if (old === undefined) chains.insert({ page, version, location }, 0);
          else expect(chains.relocate({ page, version, location })).toBe(old);
          versions?.set(version, location);
        }
        if (location % 10 === 0) chains.reserveOlder(location);
      }
      check(chains, model);
    }),
  );
});
