/**
 * Values as JSON that a person can read: `{"$hex": "00ff"}` is bytes, `{"$pages": "1-5 9"}` a
 * page set, `{"$lsn": "7"}` a bigint. Everything else is itself.
 */
import { decodeHex, encodeHex } from "@graft/core";
import { Splinter } from "@graft/splinter";

/** From a value to what `JSON.stringify` takes. */
export function describeValue(value: unknown): unknown {
  if (typeof value === "bigint") return { $lsn: String(value) };
  if (value instanceof Uint8Array) return { $hex: encodeHex(value) };
  if (value instanceof Splinter) return { $pages: describePages(value) };
  if (Array.isArray(value)) return value.map(describeValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, describeValue(part)]));
}

/** The inverse. */
export function reviveValue(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(reviveValue);
  if (typeof json !== "object" || json === null) return json;
  if ("$lsn" in json) return BigInt(String(json.$lsn));
  if ("$hex" in json) return decodeHex(String(json.$hex));
  if ("$pages" in json) return revivePages(String(json.$pages));
  return Object.fromEntries(Object.entries(json).map(([key, part]) => [key, reviveValue(part)]));
}

function describePages(set: Splinter): string {
  const runs: string[] = [];
  for (const { first, last } of set.ranges()) {
    runs.push(first === last ? String(first) : `${first}-${last}`);
  }
  return runs.join(" ");
}

function revivePages(text: string): Splinter {
  const set = new Splinter();
  for (const run of text.split(" ")) {
    const [first, last] = run.split("-").map(Number);
    if (first !== undefined) set.insertRange(first, last ?? first);
  }
  return set;
}
