/**
 * Pull: learn what changed remotely, and apply it under the write lock. Only the page set travels;
 * the pages come when a query touches them.
 */
import { GraftError, type Lsn, type PageSet } from "@graft/core";
import type { CallOptions, PullResult } from "../volume.ts";
import { applyNews } from "./apply-news.ts";
import { askForNews } from "./ask-for-news.ts";
import { divergedError, pushOnce } from "./push.ts";
import type { SyncContext } from "./sync-context.ts";

/** A pull's result, with the page set for those who listen. */
export interface PullOutcome extends PullResult {
  readonly news: PageSet | undefined;
}

/**
 * @throws GraftError `diverged` when there is news and local commits stand on the old base, and
 *   cannot be carried over
 */
export async function pull(context: SyncContext, options: CallOptions): Promise<PullOutcome> {
  const { store } = context;
  // While an outcome is unknown no pull is applied: the push is repeated first.
  if (store.state().push !== undefined) await pushOnce(context, options);
  for (;;) {
    const asked = await askForNews(context, options.signal);
    context.reached();
    if (asked === undefined) return nothingNew(store.state().remote?.lsn);
    mustBePageSize(context, asked.remote.pageSize);
    const { from, remote: snapshot, changed } = asked;
    const news = { from, snapshot, changed, pages: [] };
    const outcome = await applyNews(context, news, { keepsPages: false, ...options });
    const lsn = store.state().remote?.lsn;
    switch (outcome.kind) {
      case "applied":
        return { lsn: snapshot.lsn, changedPageCount: changed.cardinality, news: changed };
      case "diverged":
        throw divergedError(context);
      // The base moved while it was asked for, perhaps less far than the answer goes.
      case "gap":
        if (lsn !== undefined && lsn >= snapshot.lsn) return nothingNew(lsn);
        break;
      // A push was prepared meanwhile.
      case "set-aside":
        return nothingNew(lsn);
    }
  }
}

function mustBePageSize({ store, volumeId }: SyncContext, pageSize: number): void {
  const known = store.pageSize;
  if (known === undefined || pageSize === known) return;
  throw new GraftError(
    "invalid-argument",
    `volume ${volumeId} has pages of ${pageSize} bytes on the server, and of ${known} here: use ` +
      "another data directory",
  );
}

function nothingNew(lsn: Lsn | undefined): PullOutcome {
  return { lsn, changedPageCount: 0, news: undefined };
}
