/** Pending commits under news: whether it concerns them. */
import { GraftError, type PageSet, pageRange, toPageIndex } from "@graft/core";
import type { WaitingChange } from "../write-gate.ts";
import {
  decideMerge,
  type Footprint,
  type MergeDecision,
  type RemoteChange,
  saysTheSame,
} from "./merge.ts";
import type { SyncContext } from "./sync-context.ts";

const PAGE_ONE = toPageIndex(1);

/**
 * Whether what pends may be carried over.
 *
 * @param isPageOneSame undefined: not known
 */
export function decidePending(
  { store, journal }: SyncContext,
  news: RemoteChange,
  isPageOneSame: boolean | undefined,
): MergeDecision {
  const { remote: base, pending } = store.state();
  // What a rebase has taken out of the store stands on an older snapshot still.
  if (base === undefined || pending.length === 0 || journal.exists) return "conflict";
  const decision = decideMerge(pending, base, news);
  if (decision !== "page-one" || isPageOneSame === undefined) return decision;
  return isPageOneSame ? "merge" : "conflict";
}

/**
 * Whether page 1 of the new snapshot says what ours says. Ours is that of the base: no pending
 * commit wrote it.
 *
 * @throws GraftError what the server said when it was asked for one of them
 */
export async function isPageOneKept(
  context: SyncContext,
  news: WaitingChange,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { store, remote, volumeId, fetcher } = context;
  const pin = store.pin();
  try {
    if (pin.remote?.lsn !== news.from) return false;
    const pages = pageRange(1, 1);
    await fetcher.fetch(pin, pages, signal);
    const { lsn, pageSize } = news.remote;
    const ours = new Uint8Array(pageSize);
    store.read(pin, PAGE_ONE, ours);
    if (news.pageOne !== undefined) return saysTheSame(ours, news.pageOne);
    const answer = await remote.readPages({ volumeId, lsn, pageSize, pages }, signal);
    if (!answer.covered.contains(PAGE_ONE)) return false;
    return saysTheSame(ours, answer.pages.at(0)?.data ?? new Uint8Array(pageSize));
  } finally {
    pin.close();
  }
}

/**
 * Lets the news that waits in under an open transaction, before its commit, when the two do not
 * meet. News that cannot be applied, with pending commits that it concerns or an outcome that is
 * not known, does not count: the transaction is committed on the local view.
 *
 * @returns the pages that changed under the transaction; undefined when nothing was let in
 * @throws GraftError `busy-snapshot`: they meet
 */
export function letNewsIn(context: SyncContext, transaction: () => Footprint): PageSet | undefined {
  const { gate, store, journal } = context;
  const news = gate.waitingNews;
  // Every commit asks, and the state makes a list of all that pend.
  if (news === undefined) return undefined;
  const { remote: base, push, isDiverged, pending } = store.state();
  if (push !== undefined || isDiverged || journal.exists) return undefined;
  if (base?.lsn !== news.from) return undefined;
  const { pageOne } = news;
  if (base !== undefined && pending.length > 0) {
    const kept = pageOne === undefined ? undefined : isPageOneAlike(context, pageOne);
    const decision = decidePending(context, news, kept);
    if (decision === "conflict") return undefined;
    // Whether it can be applied is found out when nobody writes.
    if (decision === "page-one") throw meets();
  }
  const decision = base === undefined ? "conflict" : decideMerge([transaction()], base, news);
  const isApart =
    decision === "merge" ||
    (decision === "page-one" && pageOne !== undefined && isPageOneAlike(context, pageOne));
  if (!isApart) throw meets();
  gate.letIn();
  return store.state().remote?.lsn === news.remote.lsn ? news.changed : undefined;
}

function meets(): GraftError {
  return new GraftError(
    "busy-snapshot",
    "another client's commit arrived during this transaction: run it again",
  );
}

/** False, too, when ours is not here. */
function isPageOneAlike({ store }: SyncContext, theirs: Uint8Array): boolean {
  const pin = store.pin();
  try {
    const ours = new Uint8Array(theirs.length);
    return store.read(pin, PAGE_ONE, ours) !== "absent" && saysTheSame(ours, theirs);
  } finally {
    pin.close();
  }
}
