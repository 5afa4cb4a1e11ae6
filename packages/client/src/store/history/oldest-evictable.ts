import { LOCATION_MAX } from "./page-chains.ts";
import type { PageHistory } from "./page-history.ts";

const AGE_COUNT = 0x1_0000;

/**
 * Up to `countMax` pages that may be evicted, those first that were read or stored longest ago. Two
 * walks over the table, whatever is found: ask for many at once.
 */
export function oldestEvictable(history: PageHistory, countMax: number): readonly number[] {
  if (countMax <= 0) return [];
  const countByAge = new Uint32Array(AGE_COUNT);
  for (const cell of evictableCells(history)) {
    const age = history.ageOf(cell);
    countByAge[age] = (countByAge[age] ?? 0) + 1;
  }
  let ageMin = AGE_COUNT;
  let count = 0;
  while (ageMin > 0 && count < countMax) count += countByAge[--ageMin] ?? 0;
  const pages: number[] = [];
  const youngest: number[] = [];
  for (const cell of evictableCells(history)) {
    const age = history.ageOf(cell);
    if (age > ageMin) pages.push(history.chains.table.pageOf(cell));
    else if (age === ageMin) youngest.push(history.chains.table.pageOf(cell));
  }
  return [...pages, ...youngest.slice(0, countMax - pages.length)];
}

function* evictableCells(history: PageHistory): Generator<number> {
  const { table } = history.chains;
  for (const cell of table.cells()) {
    if (table.locationOf(cell) >= LOCATION_MAX) continue;
    if (history.isEvictable(table.pageOf(cell), table.versionOf(cell))) yield cell;
  }
}
