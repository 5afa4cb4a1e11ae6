import { decodeHex, encodeHex, GraftError, type Random, randomBytes } from "@graft/core";
import { decodeBase64Url } from "./base64url.ts";

declare const brand: unique symbol;

/** A secret of 32 bytes: whoever has it makes tokens that give everything. */
export type LocalKey = Uint8Array & { readonly [brand]: "LocalKey" };

export const LOCAL_KEY_SIZE = 32;
/** Keys that are tried for one token: at ≈ 40 µs each, a third of a millisecond. */
export const LOCAL_KEY_COUNT_MAX = 8;
const PASERK = "k4.local.";

export function createLocalKey(random: Random): LocalKey {
  return randomBytes(random, LOCAL_KEY_SIZE) as LocalKey;
}

/** 64 hex digits, as v0.1 has it, or `k4.local.…`. @throws GraftError `invalid-argument` */
export function parseLocalKey(text: string): LocalKey {
  const isHex = /^[0-9a-fA-F]{64}$/.test(text);
  const bytes = isHex
    ? decodeHex(text)
    : text.startsWith(PASERK)
      ? decodeBase64Url(text.slice(PASERK.length))
      : undefined;
  if (bytes?.length === LOCAL_KEY_SIZE) return bytes as LocalKey;
  // The text is a secret, even when it is mistyped.
  throw new GraftError(
    "invalid-argument",
    `a key of ${text.length} characters: expected 64 hex digits, or ${PASERK}…; graft token key makes one`,
  );
}

/** 64 hex digits. */
export function formatLocalKey(key: LocalKey): string {
  return encodeHex(key);
}

/**
 * Keys in a text, one a line or word; `#` begins a comment. The first one makes new tokens, all of
 * them are accepted.
 *
 * @throws GraftError `invalid-argument`: none, too many, or no key
 */
export function parseLocalKeys(text: string): readonly LocalKey[] {
  const all = text.replaceAll(/#[^\n]*/g, "").split(/[\s,]+/);
  // Both services of one process may be given the same key.
  const words = [...new Set(all)].filter((word) => word !== "");
  if (words.length === 0) throw new GraftError("invalid-argument", "there is no key");
  if (words.length > LOCAL_KEY_COUNT_MAX) {
    throw new GraftError(
      "invalid-argument",
      `${words.length} keys: expected at most ${LOCAL_KEY_COUNT_MAX}; remove those that are no longer used`,
    );
  }
  return words.map(parseLocalKey);
}
