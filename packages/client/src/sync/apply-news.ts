/** News that came by itself: what to make of it without asking the server. */
import { type CommitId, nextLsn, type PageSet } from "@graft/core";
import type { RemoteNews } from "../remote/remote.ts";
import type { RemotePoint } from "../store/local-store.ts";
import { completePush } from "./push.ts";
import type { SyncContext } from "./sync-context.ts";
import { decideNews } from "./sync-state.ts";

export type NewsOutcome =
  /** It is the snapshot underneath now. */
  | { readonly kind: "applied"; readonly remote: RemotePoint; readonly changed: PageSet }
  /** Local commits stand on the old base. */
  | { readonly kind: "diverged" }
  /** It does not follow what is here. */
  | { readonly kind: "gap" }
  /** A push was prepared meanwhile: it waits for the outcome. */
  | { readonly kind: "set-aside" };

/**
 * Applies news under the write lock, never inside a write transaction, and keeps the pages that
 * came with it, if they are wanted.
 */
export async function applyNews(
  context: SyncContext,
  news: RemoteNews,
  options: { readonly keepsPages: boolean; readonly signal: AbortSignal },
): Promise<NewsOutcome> {
  return await context.gate.apply(() => change(context, news, options.keepsPages), options.signal);
}

/** What was true before the wait may be false now. */
function change(context: SyncContext, news: RemoteNews, keepsPages: boolean): NewsOutcome {
  const { store } = context;
  const state = store.state();
  const { lsn, pageCount, pageSize } = news.snapshot;
  if (state.remote?.lsn !== news.from || (store.pageSize ?? pageSize) !== pageSize) {
    return { kind: "gap" };
  }
  switch (decideNews(context.state())) {
    case "set-aside":
      return { kind: "set-aside" };
    case "diverge":
      if (!state.isDiverged) store.markDiverged();
      context.note("news");
      return { kind: "diverged" };
    case "apply": {
      const remote = { lsn, pageCount, pageSize };
      store.applyRemote(remote, news.changed);
      if (keepsPages) keepPages(context, news);
      context.note("news");
      return { kind: "applied", remote, changed: news.changed };
    }
  }
}

/** A hot replica then answers the next query with no request. */
function keepPages({ store }: SyncContext, { pages }: RemoteNews): void {
  if (pages.length === 0) return;
  const pin = store.pin();
  try {
    for (const { index, data } of pages) store.putFetched(pin, index, data);
  } finally {
    pin.close();
  }
}

/**
 * The prepared push landed: news names it. Under the sync lock. Nothing when another process has
 * settled it already.
 */
export function settleOwnPush(
  context: SyncContext,
  isNamed: (commitId: CommitId) => boolean,
): void {
  const { push, isDiverged } = context.store.state();
  const pageSize = context.store.pageSize;
  if (push === undefined || isDiverged || pageSize === undefined || !isNamed(push.commitId)) return;
  // A commit lands on the LSN after its base or nowhere, whatever the news folds after it.
  completePush(context, push, { lsn: nextLsn(push.base), pageCount: push.pageCount, pageSize });
}
