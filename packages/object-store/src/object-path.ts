import { GraftError } from "@graft/core";

/** Bytes of a key at most: S3 allows 1024, so that a prefix of as much fits before it. */
export const OBJECT_KEY_SIZE_MAX = 512;

const PART = /^[A-Za-z0-9._-]+$/;
const PREFIX = /^[A-Za-z0-9._/-]*$/;

/**
 * Refuses what is no object key, so that no key can leave a store's folder or mean two things in
 * two stores.
 *
 * @throws GraftError `invalid-argument`
 */
export function checkObjectKey(key: string): void {
  if (key.length === 0 || key.length > OBJECT_KEY_SIZE_MAX) {
    throw invalid("key", key, `expected 1 … ${OBJECT_KEY_SIZE_MAX} characters, got ${key.length}`);
  }
  for (const part of key.split("/")) checkPart(key, part);
}

/**
 * Refuses what no object key can start with. The empty prefix names everything.
 *
 * @throws GraftError `invalid-argument`
 */
export function checkObjectPrefix(prefix: string): void {
  if (prefix.length > OBJECT_KEY_SIZE_MAX || !PREFIX.test(prefix) || prefix.startsWith("/")) {
    throw invalid("prefix", prefix, "no object key starts so");
  }
  if (prefix.includes("//") || prefix.split("/").some((part) => part === "..")) {
    throw invalid("prefix", prefix, "no object key has an empty or `..` part");
  }
}

function checkPart(key: string, part: string): void {
  if (!PART.test(part)) {
    throw invalid("key", key, "each part between slashes must be 1 or more of A-Z a-z 0-9 - _ .");
  }
  if (part === "." || part === "..") throw invalid("key", key, "`.` and `..` are not names");
  // The `file:` store writes to such names first.
  if (part.endsWith(".tmp")) throw invalid("key", key, "no part may end in `.tmp`");
}

function invalid(what: string, text: string, why: string): GraftError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new GraftError("invalid-argument", `invalid object ${what} "${shown}": ${why}`);
}
