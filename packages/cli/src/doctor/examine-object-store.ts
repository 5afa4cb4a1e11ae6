/** An object store: its promises, its clock, its speed, and commits that lie in the future. */
import {
  CLOCK_SKEW_MAX_MS,
  type Clock,
  type Compute,
  encodeHex,
  isGraftError,
  type Random,
  randomBytes,
  type VolumeId,
} from "@graft/core";
import { decodeCommitRecord, decodeHeadHint, headKey, logKey, parseObjectKey } from "@graft/format";
import { type ObjectStore, probeObjectStore } from "@graft/object-store";
import { formatDuration } from "../format-units.ts";
import type { Check, Judgement } from "./check.ts";
import { withDeadline } from "./deadline.ts";
import { judgeClockSkew, judgeFailure, judgeStoreLatency } from "./judge.ts";

const TIMEOUT_MS = 20_000;
const SAMPLE_COUNT = 9;
const SAMPLE_SIZE = 4096;
/** Volumes whose newest commit is looked at, and keys that are listed to find them. */
const VOLUME_COUNT_MAX = 100;
const KEY_COUNT_MAX = 10_000;

export interface StoreMeans {
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly signal: AbortSignal;
}

/** Writes a few objects under `probe/`, and removes them. */
export async function* examineObjectStore(
  store: ObjectStore,
  means: StoreMeans,
): AsyncGenerator<Check> {
  const target = store.name;
  const promises = await judged(means, target, async () => {
    await probeObjectStore(store, means.random);
    return { status: "ok", found: "create-only writes are honoured, own writes are read" };
  });
  yield { name: "store promises", target, ...promises };
  if (promises.status === "fail") return;
  yield {
    name: "store speed",
    target,
    ...(await judged(means, target, () => timed(store, means))),
  };
  const storeMs = store.serverTimeMs();
  const skewMs = storeMs === undefined ? undefined : storeMs - means.clock.nowMs();
  yield { name: "store clock", target, ...judgeClockSkew(skewMs, "object store") };
  const future = await judged(means, target, (signal) => judgeFuture(store, means, signal));
  yield { name: "commit times", target, ...future };
}

async function judged(
  means: StoreMeans,
  what: string,
  run: (signal: AbortSignal) => Promise<Judgement>,
): Promise<Judgement> {
  try {
    return await withDeadline(what, TIMEOUT_MS, means, run);
  } catch (error) {
    means.signal.throwIfAborted();
    if (isGraftError(error, "unavailable") || isGraftError(error, "permission-denied")) {
      return judgeFailure(error, "check the store's URL, its endpoint and the AWS_* credentials");
    }
    return judgeFailure(error);
  }
}

async function timed(store: ObjectStore, { clock, random }: StoreMeans): Promise<Judgement> {
  const key = `probe/${encodeHex(randomBytes(random, 16))}`;
  const body = randomBytes(random, SAMPLE_SIZE);
  const [putMs, getMs]: [number[], number[]] = [[], []];
  try {
    for (let count = 0; count < SAMPLE_COUNT; count++) {
      const startMs = clock.monotonicMs();
      await store.put(key, body);
      const writtenMs = clock.monotonicMs();
      await store.get(key);
      putMs.push(writtenMs - startMs);
      getMs.push(clock.monotonicMs() - writtenMs);
    }
  } finally {
    await store.delete(key);
  }
  return judgeStoreLatency(putMs, getMs);
}

/** A commit from the future keeps all later ones at its time. */
async function judgeFuture(
  store: ObjectStore,
  means: StoreMeans,
  signal: AbortSignal,
): Promise<Judgement> {
  const nowMs = store.serverTimeMs() ?? means.clock.nowMs();
  const volumes = await someVolumes(store, signal);
  for (const volumeId of volumes) {
    const timestampMs = await newestTimestampMs(store, volumeId, means, signal);
    if (timestampMs === undefined || timestampMs - nowMs <= CLOCK_SKEW_MAX_MS) continue;
    const late = formatDuration(timestampMs - nowMs);
    return {
      status: "warn",
      found: `the newest commit of volume ${volumeId} is ${late} in the future`,
      advice: "a MetaStore's clock was wrong: later commits carry that time until it has passed",
      values: { volume: volumeId, aheadMs: timestampMs - nowMs },
    };
  }
  return { status: "ok", found: `none is in the future, in ${volumes.length} volume(s) looked at` };
}

async function someVolumes(store: ObjectStore, signal: AbortSignal): Promise<readonly VolumeId[]> {
  const volumes = new Set<VolumeId>();
  let keyCount = 0;
  for await (const { key } of store.list("volumes/", { signal })) {
    const object = parseObjectKey(key);
    if (object !== undefined) volumes.add(object.volumeId);
    if (volumes.size >= VOLUME_COUNT_MAX || ++keyCount >= KEY_COUNT_MAX) break;
  }
  return [...volumes];
}

/** Of the record that the head hint names; undefined without one that can be read. */
async function newestTimestampMs(
  store: ObjectStore,
  volumeId: VolumeId,
  { compute }: StoreMeans,
  signal: AbortSignal,
): Promise<number | undefined> {
  const hint = await store.get(headKey(volumeId), { signal });
  const lsn = hint && decodeHeadHint(hint.bytes);
  const stored = lsn && (await store.get(logKey(volumeId, lsn), { signal }));
  if (stored === undefined) return undefined;
  try {
    return decodeCommitRecord(stored.bytes, compute, { objectName: "commit" }).timestampMs;
  } catch (error) {
    // Damage is found by fsck, which names it.
    if (isGraftError(error, "corrupt")) return undefined;
    throw error;
  }
}
