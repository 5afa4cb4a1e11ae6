import {
  encodeHex,
  equalBytes,
  GraftError,
  isGraftError,
  type Random,
  randomBytes,
} from "@graft/core";
import type { ObjectStore } from "./object-store.ts";

/**
 * Racers of the probe. More than two, because some stores check before they write and lose only
 * some races.
 */
const RACER_COUNT = 4;

/**
 * Finds out, before anything is trusted to it, whether a store keeps the two promises commits rest
 * on: create-only writes are honoured, and what was written is read back. Costs 8 requests; its
 * object lies under `probe/` and is removed.
 *
 * @throws GraftError `invalid-argument` naming the broken promise; or what the store answered
 */
export async function probeObjectStore(store: ObjectStore, random: Random): Promise<void> {
  const key = `probe/${encodeHex(randomBytes(random, 16))}`;
  const bodies = Array.from({ length: RACER_COUNT }, () => randomBytes(random, 64));
  try {
    const answers = await Promise.all(bodies.map((body) => store.create(key, body)));
    const winners = answers.flatMap((answer, at) => (answer === "created" ? [at] : []));
    const [winner] = winners;
    if (winners.length !== 1 || winner === undefined) {
      throw broken(store, `${winners.length} of ${RACER_COUNT} racing create-only writes won`);
    }
    if ((await store.create(key, randomBytes(random, 64))) !== "exists") {
      throw broken(store, "a create-only write replaced an object");
    }
    await checkReadBack(store, key, bodies[winner]);
  } finally {
    await removeProbe(store, key);
  }
}

/** 64 bytes left behind harm nobody, and a server may well have no right to delete. */
async function removeProbe(store: ObjectStore, key: string): Promise<void> {
  try {
    await store.delete(key);
  } catch (error) {
    if (!isGraftError(error)) throw error;
  }
}

async function checkReadBack(
  store: ObjectStore,
  key: string,
  expected: Uint8Array | undefined,
): Promise<void> {
  const stored = await store.get(key);
  if (stored === undefined) throw broken(store, "an object that was just written is not there");
  if (expected === undefined || !equalBytes(stored.bytes, expected)) {
    throw broken(store, "an object reads back with other bytes than its only writer wrote");
  }
  const part = await store.get(key, { range: { offset: 16, size: 16 } });
  if (part === undefined || !equalBytes(part.bytes, expected.subarray(16, 32))) {
    throw broken(store, "a range of an object reads back with other bytes than were written");
  }
}

function broken(store: ObjectStore, what: string): GraftError {
  return new GraftError(
    "invalid-argument",
    `object store ${store.name} cannot be used: ${what}; two clients could both believe that their ` +
      "commit landed. Use a store with conditional writes (If-None-Match: *) and strong consistency",
    { details: { store: store.name } },
  );
}
