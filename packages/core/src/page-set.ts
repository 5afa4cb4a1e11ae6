import { decode, encode, Splinter, SplinterError } from "@graft/splinter";
import { GraftError, type GraftErrorCode } from "./error.ts";
import type { PageCount } from "./page-count.ts";
import type { PageIndex } from "./page-index.ts";

/** A set of page indexes. The wire field of v0.1 is called `graft`. Never contains 0. */
export type PageSet = Splinter;

/** A set with these members. */
export function pageSetOf(indexes: Iterable<PageIndex>): PageSet {
  const set = new Splinter();
  for (const index of indexes) set.insert(index);
  return set;
}

/** The set {first, …, last}; empty when last < first. */
export function pageRange(first: number, last: PageCount | number): PageSet {
  const set = new Splinter();
  if (first <= last) set.insertRange(first, last);
  return set;
}

/** The wire form: Splinter v1, canonical (equal sets give equal bytes). */
export function encodePageSet(set: PageSet): Uint8Array {
  return encode(set);
}

/**
 * Reads the wire form with full validation.
 *
 * @param code what a malformed set means here: `invalid-argument` in a request, `corrupt` in
 *   storage
 */
export function decodePageSet(bytes: Uint8Array, code: GraftErrorCode): PageSet {
  const set = decodeSplinter(bytes, code);
  if (set.contains(0)) {
    const details = { pageIndex: 0 };
    throw new GraftError(code, "malformed page set: page index 0 is never valid", { details });
  }
  return set;
}

function decodeSplinter(bytes: Uint8Array, code: GraftErrorCode): Splinter {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof SplinterError)) throw error;
    throw new GraftError(code, `malformed page set: ${error.message}`, { cause: error });
  }
}
