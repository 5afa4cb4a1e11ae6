import { decodePageSet, encodePageSet, type PageSet } from "@graft/core";

/** The `graft` field of a request. @throws GraftError `invalid-argument` when malformed */
export function toPageSet(bytes: Uint8Array): PageSet {
  return decodePageSet(bytes, "invalid-argument");
}

/** @throws GraftError `invalid-argument` when malformed */
export function toOptionalPageSet(bytes: Uint8Array | undefined): PageSet | undefined {
  return bytes === undefined ? undefined : toPageSet(bytes);
}

export function fromPageSet(set: PageSet): Uint8Array {
  return encodePageSet(set);
}

export function fromOptionalPageSet(set: PageSet | undefined): Uint8Array | undefined {
  return set === undefined ? undefined : encodePageSet(set);
}
