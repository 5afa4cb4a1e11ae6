/**
 * Reset: give up local work and stand on the newest remote snapshot. An unknown outcome is resolved
 * first: by repeating the request, else by fencing the LSN with an empty commit under a new id, so
 * that the old one can never land later behind our back.
 */
import {
  createCommitId,
  GraftError,
  invariant,
  isGraftError,
  MutablePageSet,
  PAGE_COUNT_ZERO,
} from "@graft/core";
import type { ResetOptions, ResetResult } from "../volume.ts";
import type { VolumeReader } from "../volume-reader.ts";
import { askForNews } from "./pull.ts";
import { push } from "./push.ts";
import type { SyncContext } from "./sync-context.ts";

/** @throws GraftError `unavailable`: nothing was reset */
export async function reset(
  context: SyncContext,
  openReader: () => VolumeReader,
  options: ResetOptions,
): Promise<ResetResult> {
  if (context.store.state().push !== undefined) await resolveUnknown(context, options);
  const news = await askForNews(context, options.signal);
  context.reached();
  const discardedCommitCount = context.store.state().pending.length;
  const savedVersion = await saveWork(context, openReader, options);
  return context.gate.apply(() => {
    const state = context.store.state();
    if (savedVersion !== undefined && state.version !== savedVersion) {
      throw new GraftError(
        "busy",
        `volume ${context.volumeId} was written while its work was being saved: reset again`,
      );
    }
    const remote = news?.remote ?? state.remote;
    context.store.resetToRemote(remote, news?.changed ?? new MutablePageSet());
    context.note("reset");
    return { lsn: remote?.lsn, discardedCommitCount };
  }, options.signal);
}

/** The version whose work is safe, or was none; undefined when nobody wants it saved. */
async function saveWork(
  context: SyncContext,
  openReader: () => VolumeReader,
  options: ResetOptions,
): Promise<number | undefined> {
  if (options.save === undefined) return undefined;
  const { pending, version } = context.store.state();
  if (pending.length === 0) return version;
  const reader = openReader();
  try {
    await options.save(reader, undefined);
    return reader.version;
  } finally {
    reader.close();
  }
}

async function resolveUnknown(context: SyncContext, options: ResetOptions): Promise<void> {
  try {
    await push(context, options);
  } catch (error) {
    if (isGraftError(error, "diverged")) return;
    // Only what is reachable can be fenced; an outage says nothing about the outcome.
    if (!isGraftError(error) || error.isRepeatable) throw error;
    await fence(context, options.signal);
  }
}

/**
 * Takes the LSN after the base with an empty commit: whoever holds it then, it is not the lost
 * push.
 */
async function fence(context: SyncContext, signal: AbortSignal | undefined): Promise<void> {
  const { store } = context;
  const { remote } = store.state();
  const pageSize = store.pageSize;
  invariant(pageSize !== undefined, "a volume with a prepared push knows its page size");
  const pageCount = remote?.pageCount ?? PAGE_COUNT_ZERO;
  await context.remote.commit(
    {
      volumeId: context.volumeId,
      clientId: context.clientId(),
      commitId: createCommitId(context.random),
      base: remote?.lsn,
      pageSize,
      pageCount,
      lowPageCount: pageCount,
      segments: [],
      inlinePages: [],
      message: "fence",
      appTransactionId: undefined,
    },
    signal,
  );
  store.markDiverged();
  context.note("rejected");
}
