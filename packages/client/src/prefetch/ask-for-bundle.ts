import type { Lsn, VolumeId } from "@graft/core";
import type { BundledPages, Remote } from "../remote/remote.ts";
import type { PrefetchBudget } from "./prefetch-budget.ts";

/** What comes along with the first read of a volume, and what else may. */
export interface Prefetching {
  readonly budget: PrefetchBudget;
  readonly expected?: ExpectedBundle | undefined;
}

/** Page 1 of a snapshot, and more, on its way. */
export interface ExpectedBundle extends AskedBundle {
  /** Where the replica was made. */
  readonly lsn: Lsn;
}

export interface AskedBundle {
  readonly arriving: Promise<BundledPages>;
  /** Ends the request. */
  readonly abort: AbortController;
}

/**
 * Asks for page 1 of the newest snapshot and what belongs to it, beside the question which one that
 * is: both take one round trip. Undefined where nothing may come along.
 */
export function askForBundle(
  remote: Remote,
  volumeId: VolumeId,
  budget: PrefetchBudget | undefined,
  signal: AbortSignal | undefined,
): AskedBundle | undefined {
  if (remote.readBundle === undefined || budget === undefined) return undefined;
  // Page 1 alone when nothing may come along: whoever opens a database reads it.
  const sizeMax = budget.takeOpenBytes();
  const abort = new AbortController();
  const either = signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal]);
  const arriving = remote.readBundle({ volumeId, lsn: undefined, sizeMax }, either);
  // It may fail before anybody waits for it.
  arriving.catch(() => undefined);
  return { arriving, abort };
}
