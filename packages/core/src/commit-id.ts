import { decodeHex, encodeHex } from "./bytes/hex.ts";
import { GraftError } from "./error.ts";
import { type Random, randomBytes } from "./random.ts";

declare const brand: unique symbol;

/**
 * Names one attempt to commit, 16 random bytes as 32 hex digits. Persisted before it is sent,
 * stored in the commit record: a retried commit is applied once.
 */
export type CommitId = string & { readonly [brand]: "CommitId" };

export const COMMIT_ID_SIZE = 16;

export function createCommitId(random: Random): CommitId {
  return encodeHex(randomBytes(random, COMMIT_ID_SIZE)) as CommitId;
}

/** @throws GraftError `invalid-argument` when there are not 16 bytes */
export function toCommitId(bytes: Uint8Array): CommitId {
  if (bytes.length !== COMMIT_ID_SIZE) {
    throw new GraftError(
      "invalid-argument",
      `invalid commit id: expected ${COMMIT_ID_SIZE} bytes, got ${bytes.length}`,
    );
  }
  return encodeHex(bytes) as CommitId;
}

/** @throws GraftError `invalid-argument` */
export function parseCommitId(text: string): CommitId {
  if (!/^[0-9a-f]{32}$/.test(text)) {
    throw new GraftError("invalid-argument", `invalid commit id "${text}": expected 32 hex digits`);
  }
  return text as CommitId;
}

/** The 16 bytes. A fresh copy. */
export function commitIdBytes(id: CommitId): Uint8Array {
  return decodeHex(id);
}
