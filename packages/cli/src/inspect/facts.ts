/** What an inspection says, as a tree of named values that both people and programs read. */
import { encodeHex, MutablePageSet, type PageSet } from "@graft/core";

export type Fact =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | PageSet
  | undefined
  | readonly Fact[]
  | Facts;

/** Undefined values are left out. */
export interface Facts {
  readonly [name: string]: Fact;
}

/** One thing that was looked at. */
export interface Inspection {
  /** "commit", "segment", "page", … */
  readonly kind: string;
  readonly facts: Facts;
  /** What `--hex` shows. */
  readonly bytes?: Uint8Array;
}

/** Runs of a set: "1-5 9"; "" for none. */
export function pageSetText(set: PageSet, runCountMax: number = Number.POSITIVE_INFINITY): string {
  const runs: string[] = [];
  for (const { first, last } of set.ranges()) {
    if (runs.length >= runCountMax) return `${runs.join(" ")} …`;
    runs.push(first === last ? String(first) : `${first}-${last}`);
  }
  return runs.join(" ");
}

/** Facts as JSON takes them: page sets as runs, bytes as hex, bigints left to the writer. */
export function plainFacts(fact: Fact): unknown {
  if (fact instanceof Uint8Array) return encodeHex(fact);
  if (fact instanceof MutablePageSet) return pageSetText(fact);
  if (isList(fact)) return fact.map(plainFacts);
  if (!isFacts(fact)) return fact;
  return Object.fromEntries(Object.entries(fact).map(([name, part]) => [name, plainFacts(part)]));
}

export function isList(fact: Fact): fact is readonly Fact[] {
  return Array.isArray(fact);
}

/** Whether a value is named values of its own. */
export function isFacts(fact: Fact): fact is Facts {
  if (typeof fact !== "object" || isList(fact)) return false;
  return !(fact instanceof Uint8Array) && !(fact instanceof MutablePageSet);
}
