/** News that came by itself: what to make of it without asking the server. */
import { type CommitId, nextLsn, type PageSet } from "@graft/core";
import type { RemoteNews } from "../remote/remote.ts";
import type { RemotePoint } from "../store/local-store.ts";
import type { WaitingChange } from "../write-gate.ts";
import { decidePending, isPageOneKept } from "./merge-pending.ts";
import { completePush } from "./push.ts";
import type { SyncContext } from "./sync-context.ts";
import { decideNews } from "./sync-state.ts";

export type NewsOutcome =
  /** It is the snapshot underneath now; local commits, if there are any, were carried over. */
  | { readonly kind: "applied"; readonly remote: RemotePoint; readonly changed: PageSet }
  /** Local commits stand on the old base, and cannot be carried over. */
  | { readonly kind: "diverged" }
  /** It does not follow what is here. */
  | { readonly kind: "gap" }
  /** A push was prepared meanwhile: it waits for the outcome. */
  | { readonly kind: "set-aside" };

/** News as it is applied: with the pages that came with it. */
export interface ArrivedNews extends Pick<RemoteNews, "from" | "changed" | "pages"> {
  readonly snapshot: RemotePoint;
}

export interface ApplyOptions {
  /** Whether pages that came with the news are kept. */
  readonly keepsPages: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Applies news under the write lock, and keeps the pages that came with it, if they are wanted.
 * Local commits that it does not concern are carried over. An open write transaction either takes
 * it in when it commits, or is told to run again.
 *
 * @throws GraftError when the server has to be asked for page 1, and cannot be
 */
export async function applyNews(
  context: SyncContext,
  news: ArrivedNews,
  options: ApplyOptions,
): Promise<NewsOutcome> {
  const { signal, keepsPages } = options;
  let isPageOneSame: boolean | undefined;
  for (;;) {
    const run = (): NewsOutcome | "page-one" => change(context, news, keepsPages, isPageOneSame);
    const waiting = waitingOf(news);
    const outcome = await context.gate.applyNews(waiting, run, signal);
    if (outcome !== "page-one") return outcome;
    isPageOneSame = await isPageOneKept(context, waiting, signal);
  }
}

function waitingOf({ from, snapshot, changed, pages }: ArrivedNews): WaitingChange {
  const { lsn, pageCount, pageSize } = snapshot;
  const remote = { lsn, pageCount, pageSize };
  return { from, remote, changed, pageOne: pages.find(({ index }) => index === 1)?.data };
}

/** What was true before the wait may be false now. */
function change(
  context: SyncContext,
  news: ArrivedNews,
  keepsPages: boolean,
  isPageOneSame: boolean | undefined,
): NewsOutcome | "page-one" {
  const { store } = context;
  const state = store.state();
  const { from, remote, changed } = waitingOf(news);
  if (state.remote?.lsn !== from || (store.pageSize ?? remote.pageSize) !== remote.pageSize) {
    return { kind: "gap" };
  }
  switch (decideNews(context.state())) {
    case "set-aside":
      return { kind: "set-aside" };
    case "diverge": {
      const decision = decidePending(context, { remote, changed }, isPageOneSame);
      if (decision === "page-one") return decision;
      if (decision === "merge") {
        store.mergeRemote(remote, changed);
        context.settled(state.pending, "merged");
        break;
      }
      if (!state.isDiverged) store.markDiverged();
      context.note("news");
      return { kind: "diverged" };
    }
    case "apply":
      store.applyRemote(remote, changed);
      break;
  }
  if (keepsPages) keepPages(context, news);
  context.note(state.pending.length > 0 ? "merged" : "news");
  return { kind: "applied", remote, changed };
}

/** A hot replica then answers the next query with no request. */
function keepPages({ store }: SyncContext, { pages }: ArrivedNews): void {
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
  context.reached();
  // A commit lands on the LSN after its base or nowhere, whatever the news folds after it.
  completePush(context, push, { lsn: nextLsn(push.base), pageCount: push.pageCount, pageSize });
}
