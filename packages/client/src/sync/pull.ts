/**
 * Pull: learn what changed remotely, and apply it under the write lock. Only the page set travels;
 * the pages come when a query touches them.
 */
import { GraftError, MutablePageSet, type PageSet } from "@graft/core";
import type { RemotePoint } from "../store/local-store.ts";
import type { CallOptions, PullResult } from "../volume.ts";
import { divergedError, pushOnce } from "./push.ts";
import type { SyncContext } from "./sync-context.ts";
import { decideNews } from "./sync-state.ts";

/** News: the remote head, and what changed since our base. */
export interface News {
  readonly remote: RemotePoint;
  readonly changed: PageSet;
}

/** A pull's result, with the page set for those who listen. */
export interface PullOutcome extends PullResult {
  readonly news: PageSet | undefined;
}

/** @throws GraftError `diverged` when there is news and local commits stand on the old base */
export async function pull(context: SyncContext, options: CallOptions): Promise<PullOutcome> {
  // While an outcome is unknown no pull is applied: the push is repeated first.
  if (context.store.state().push !== undefined) await pushOnce(context, options);
  const news = await askForNews(context, options.signal);
  context.reached();
  const base = context.store.state().remote;
  if (news === undefined) return nothingNew(base);
  return context.gate.apply(() => applyNews(context, base, news), options.signal);
}

/** The remote head beyond our base; undefined when nothing is newer. */
export async function askForNews(
  context: SyncContext,
  signal: AbortSignal | undefined,
): Promise<News | undefined> {
  const base = context.store.state().remote;
  if (base === undefined) {
    const snapshot = await context.remote.getSnapshot(context.volumeId, signal);
    if (snapshot === undefined) return undefined;
    const { lsn, pageCount, pageSize } = snapshot;
    // Nothing was ever fetched: nothing here can have changed.
    return { remote: { lsn, pageCount, pageSize }, changed: new MutablePageSet() };
  }
  const changes = await context.remote.pullChanges(context.volumeId, base.lsn, signal);
  if (changes === undefined) return undefined;
  const { lsn, pageCount, pageSize } = changes.snapshot;
  return { remote: { lsn, pageCount, pageSize }, changed: changes.changed };
}

function applyNews(context: SyncContext, base: RemotePoint | undefined, news: News): PullOutcome {
  const { store } = context;
  const known = store.pageSize;
  if (known !== undefined && news.remote.pageSize !== known) {
    throw new GraftError(
      "invalid-argument",
      `volume ${context.volumeId} has pages of ${news.remote.pageSize} bytes on the server, and of ` +
        `${known} here: use another data directory`,
    );
  }
  // What was true before the wait may be false now: another pull, or a local commit, came first.
  if (store.state().remote?.lsn !== base?.lsn) return nothingNew(base);
  switch (decideNews(context.state())) {
    case "apply":
      store.applyRemote(news.remote, news.changed);
      context.note("news");
      return {
        lsn: news.remote.lsn,
        changedPageCount: news.changed.cardinality,
        news: news.changed,
      };
    case "diverge":
      if (!store.state().isDiverged) store.markDiverged();
      context.note("news");
      throw divergedError(context);
    case "set-aside":
      return nothingNew(base);
  }
}

function nothingNew(base: RemotePoint | undefined): PullOutcome {
  return { lsn: base?.lsn, changedPageCount: 0, news: undefined };
}
