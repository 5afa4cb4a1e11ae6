/**
 * The head hint: an LSN near the newest, 16 lower-case hex digits in ASCII and nothing else. It
 * may be stale, missing or damaged and is never trusted alone: a reader probes forward from it,
 * and does without it when it says nothing.
 */
import { formatLsnHex, type Lsn, toLsn } from "@graft/core";

/** Bytes of a hint. */
export const HEAD_HINT_SIZE = 16;

export function encodeHeadHint(lsn: Lsn): Uint8Array {
  return new TextEncoder().encode(formatLsnHex(lsn));
}

/** The LSN, or undefined for anything `encodeHeadHint` cannot have written. Never throws. */
export function decodeHeadHint(bytes: Uint8Array): Lsn | undefined {
  if (bytes.length !== HEAD_HINT_SIZE) return undefined;
  const text = String.fromCharCode(...bytes);
  if (!/^[0-9a-f]{16}$/.test(text)) return undefined;
  const value = BigInt(`0x${text}`);
  return value === 0n ? undefined : toLsn(value);
}
