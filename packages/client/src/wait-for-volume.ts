/** Waiting for a volume to get somewhere, whether it syncs by itself or not. */
import { type Clock, isGraftError, type Lsn, type Random, randomUnit } from "@graft/core";
import type { StateWaits } from "./state-waits.ts";
import type { LocalState } from "./store/local-store.ts";
import type { CallOptions } from "./volume.ts";

/** Pause between two pulls for a snapshot that is waited for. */
const WAIT_MS_MIN = 50;
const WAIT_MS_MAX = 5_000;
/** When a stream should tell of it, it is asked for only after so long: a hint may be lost. */
const STREAM_MS_MIN = 1_000;
const STREAM_MS_MAX = 30_000;

export interface VolumeWaitMeans {
  readonly clock: Clock;
  readonly random: Random;
  readonly waits: StateWaits;
  readonly state: () => LocalState;
  /** Whether a rebase has taken local commits out, and not run all of them again. */
  readonly isRebasing: () => boolean;
  /** Whether a stream tells what happens. */
  readonly isTold: () => boolean;
  /** Whether what fails is tried again by itself. */
  readonly isAuto: () => boolean;
  readonly pull: (options: CallOptions) => Promise<unknown>;
  /** Throws when the volume will not get there by itself. */
  readonly mustGoOn: () => void;
}

/** Resolves when the remote snapshot is `lsn` or newer. */
export async function waitForRemote(
  means: VolumeWaitMeans,
  lsn: Lsn,
  options: CallOptions,
): Promise<void> {
  const isThere = (): boolean => {
    if ((means.state().remote?.lsn ?? 0n) >= lsn) return true;
    means.mustGoOn();
    return false;
  };
  let pauseMs = means.isTold() ? STREAM_MS_MIN : WAIT_MS_MIN;
  if (!means.isTold() && !isThere()) await pullFor(means, options);
  while (!(await isSoon(means, isThere, pauseMs, options.signal))) {
    await pullFor(means, options);
    pauseMs = Math.min(pauseMs * 2, means.isTold() ? STREAM_MS_MAX : WAIT_MS_MAX);
  }
}

async function pullFor(means: VolumeWaitMeans, options: CallOptions): Promise<void> {
  try {
    await means.pull(options);
  } catch (error) {
    options.signal?.throwIfAborted();
    // Syncing goes on by itself: so does the waiting.
    if (!means.isAuto() || !isGraftError(error) || !error.isRepeatable) throw error;
  }
}

/** Whether it is there within the pause. */
async function isSoon(
  { clock, random, waits }: VolumeWaitMeans,
  isThere: () => boolean,
  pauseMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const over = new AbortController();
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const timeout = clock.sleep(pauseMs * (0.5 + randomUnit(random)), either).then(() => false);
  const arrival = waits.until(isThere, either).then(() => true);
  try {
    return await Promise.race([arrival, timeout]);
  } finally {
    over.abort();
    timeout.catch(() => undefined);
    arrival.catch(() => undefined);
  }
}

/** Resolves when all that is committed locally now is remote. Somebody pushes it. */
export async function waitForPushed(
  { state, isRebasing, waits, mustGoOn }: VolumeWaitMeans,
  signal: AbortSignal | undefined,
): Promise<void> {
  let { version } = state();
  let wasRebasing = false;
  const isPushed = (): boolean => {
    const { pending, version: latest } = state();
    if (isRebasing()) {
      wasRebasing = true;
      mustGoOn();
      return false;
    }
    if (wasRebasing) version = latest;
    wasRebasing = false;
    const [first] = pending;
    if (first === undefined) return true;
    if (first.version === version + 1) return true;
    // Carried over to another base, they have other versions: all that is here now has to go.
    if (first.version > version + 1) version = latest;
    mustGoOn();
    return false;
  };
  await waits.until(isPushed, signal);
}
