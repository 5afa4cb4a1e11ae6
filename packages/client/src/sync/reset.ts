/**
 * Reset: give up local work and stand on the newest remote snapshot. An unknown outcome is resolved
 * first:
 *
 * ```
 * repeat the request ─▶ committed, rejected
 *        │ refused for good
 *        ▼
 * fence: an empty commit under a new id takes the LSN after the base ─▶ the old one never lands
 *        │ it is taken, or there is no right to write
 *        ▼
 * read the LSN after the base ─▶ ours: committed · another's: rejected
 *        │ empty
 *        ▼
 * still unknown: the work is saved under a name that says so; should it land, it is pulled
 * ```
 */
import {
  createCommitId,
  GraftError,
  invariant,
  isGraftError,
  MutablePageSet,
  nextLsn,
  PAGE_COUNT_ZERO,
} from "@graft/core";
import type { ResetOptions, ResetResult, Volume } from "../volume.ts";
import { askForNews } from "./ask-for-news.ts";
import { pushOnce } from "./push.ts";
import { abandonRebase } from "./rebase.ts";
import type { SyncContext } from "./sync-context.ts";

/** @throws GraftError `unavailable`: nothing was reset */
export async function reset(
  context: SyncContext,
  users: Pick<Volume, "openReader">,
  options: ResetOptions,
): Promise<ResetResult> {
  if (options.onlyDiverged === true && context.state() !== "diverged") {
    return { lsn: context.store.state().remote?.lsn, discardedCommitCount: 0 };
  }
  const note =
    context.store.state().push === undefined ? undefined : await resolveUnknown(context, options);
  const news = await askForNews(context, options.signal);
  context.reached();
  const discardedCommitCount = context.store.state().pending.length;
  const savedVersion = await saveWork(context, users, options, note);
  return context.gate.apply(() => {
    const state = context.store.state();
    if (savedVersion !== undefined && state.version !== savedVersion) {
      throw new GraftError(
        "busy",
        `volume ${context.volumeId} was written while its work was being saved: reset again`,
      );
    }
    // Others may have gone further while it was asked for.
    const isNewer = news !== undefined && news.remote.lsn > (state.remote?.lsn ?? 0n);
    const remote = isNewer ? news.remote : state.remote;
    // What a rebase took out of the store is in no saved file.
    abandonRebase(context);
    context.store.resetToRemote(remote, isNewer ? news.changed : new MutablePageSet());
    context.journal.remove();
    context.note("reset");
    context.settled(state.pending, "discarded");
    return { lsn: remote?.lsn, discardedCommitCount };
  }, options.signal);
}

/** The version whose work is safe, or was none; undefined when nobody wants it saved. */
async function saveWork(
  context: SyncContext,
  users: Pick<Volume, "openReader">,
  options: ResetOptions,
  note: string | undefined,
): Promise<number | undefined> {
  if (options.save === undefined) return undefined;
  const { pending, version } = context.store.state();
  if (pending.length === 0) return version;
  const reader = users.openReader();
  try {
    await options.save(reader, note);
    return reader.version;
  } finally {
    reader.close();
  }
}

/** @returns what to say of the work when nobody can tell what became of it */
async function resolveUnknown(
  context: SyncContext,
  options: ResetOptions,
): Promise<string | undefined> {
  try {
    await pushOnce(context, options);
    return undefined;
  } catch (error) {
    if (isGraftError(error, "diverged")) return undefined;
    // Only what is reachable can be fenced; an outage says nothing about the outcome.
    if (!isGraftError(error) || error.isRepeatable) throw error;
  }
  try {
    if (await fence(context, options.signal)) return undefined;
  } catch (error) {
    if (!isGraftError(error, "permission-denied")) throw error;
  }
  return readOutcome(context, options.signal);
}

/** A volume whose first commit never came is unknown to the server. */
function absentWhenMissing(error: unknown): undefined {
  if (!isGraftError(error, "not-found")) throw error;
}

/** What holds the LSN after the base, for those who may only read, or were not first there. */
async function readOutcome(
  context: SyncContext,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { store, remote, volumeId } = context;
  const { push: prepared } = store.state();
  invariant(prepared !== undefined, "an unknown outcome is that of a prepared push");
  const found = await remote
    .pullCommits(volumeId, nextLsn(prepared.base), signal)
    .then(({ commits }) => commits.at(0)?.snapshot, absentWhenMissing);
  context.reached();
  if (found === undefined) return `outcome unknown: ${prepared.commitId}`;
  if (found.commitId === prepared.commitId) {
    const { lsn, pageCount, pageSize } = found;
    store.completePush({ lsn, pageCount, pageSize });
    context.note(store.state().pending.length > 0 ? "committed-behind" : "committed");
  } else {
    store.markDiverged();
    context.note("rejected");
  }
  return undefined;
}

/**
 * Takes the LSN after the base with an empty commit: then the lost push never lands. False when the
 * LSN was taken already, by somebody else or by that very push.
 */
async function fence(context: SyncContext, signal: AbortSignal | undefined): Promise<boolean> {
  const { store } = context;
  const { remote } = store.state();
  const pageSize = store.pageSize;
  invariant(pageSize !== undefined, "a volume with a prepared push knows its page size");
  const pageCount = remote?.pageCount ?? PAGE_COUNT_ZERO;
  const answer = await context.remote.commit(
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
  if (answer.kind === "rejected") return false;
  store.markDiverged();
  context.note("rejected");
  return true;
}
