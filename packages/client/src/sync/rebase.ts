/**
 * Rebase: run the local transactions again on the newest remote snapshot.
 *
 * ```
 * diverged ─▶ journal on disk ─▶ store reset ─▶ replay 1 … n ─▶ journal removed
 *                   │                 │              │                │
 *  a crash here: all pend        none pends      those done      nothing is left
 *                                                pend, or are
 *                                                in the outbox
 * ```
 *
 * The rule: **while the journal is there nothing is pushed** (the volume counts as diverged), so
 * that a transaction of the journal is done if, and only if, its id is among the pending commits or
 * in the outbox. So nothing is lost and nothing is run twice, whatever dies when.
 *
 * Nobody writes from before the reset to the last replay: a transaction on a half rebuilt state
 * would miss what its own user wrote before. After a crash or an outage in the middle others may
 * write; what they commit stands between what was run again and what was not yet, and the next
 * rebase takes it along.
 */
import { GraftError, invariant, isGraftError, MutablePageSet } from "@graft/core";
import type {
  LocalCommit,
  RebaseOptions,
  RebaseResult,
  ReplayOutcome,
  SetAsideTransaction,
  Volume,
} from "../volume.ts";
import { askForNews, type News } from "./ask-for-news.ts";
import type { SyncContext } from "./sync-context.ts";

/** @param inside the volume for who has its turn to write */
export async function rebase(
  context: SyncContext,
  inside: Volume,
  options: RebaseOptions,
): Promise<RebaseResult> {
  const { store, journal, gate } = context;
  const { isDiverged } = store.state();
  if (!isDiverged && !journal.exists) {
    return { lsn: store.state().remote?.lsn, rebasedCount: 0, rejectedCount: 0 };
  }
  // To go on where a rebase was interrupted takes no server.
  const news = isDiverged ? await askForNews(context, options.signal) : undefined;
  if (isDiverged) context.reached();
  return await gate.apply(async () => {
    if (store.state().isDiverged) await setAside(context, inside, news, options);
    const counts = await replayAll(context, inside, options);
    journal.remove();
    context.note(store.state().pending.length > 0 ? "rebased" : "reset");
    return { lsn: store.state().remote?.lsn, ...counts };
  }, options.signal);
}

/**
 * Runs one transaction of the outbox again, under the same rule.
 *
 * @throws GraftError `not-found` · `diverged`: the volume has to be rebased first
 */
export async function retryRejected(
  context: SyncContext,
  inside: Volume,
  id: string,
  options: RebaseOptions,
): Promise<ReplayOutcome> {
  const { journal, outbox, gate } = context;
  const rejected = outbox.get(id);
  if (rejected === undefined) {
    throw new GraftError("not-found", `no transaction "${id}" in the outbox: list it again`);
  }
  refuseWhileRebasing(context);
  const refusal = options.refusalOf(rejected);
  if (refusal !== undefined) return refused(refusal);
  return await gate.apply(async () => {
    journal.write(1, [rejected]);
    // From here on the journal has it.
    outbox.remove(id);
    await replayAll(context, inside, options);
    journal.remove();
    const again = outbox.get(id);
    return again === undefined ? { kind: "done" } : { kind: "rejected", ...again.rejection };
  }, options.signal);
}

/**
 * What is in the outbox, a rebase that was interrupted takes for done.
 *
 * @throws GraftError `diverged`
 */
export function refuseWhileRebasing({ journal, volumeId }: SyncContext): void {
  if (!journal.exists) return;
  throw new GraftError(
    "diverged",
    `volume ${volumeId} was left in the middle of a rebase: rebase first, or reset`,
  );
}

/**
 * What a rebase that was interrupted still has to run goes to the outbox: the volume is reset. Of a
 * damaged journal that is what lies before the damage, and a copy is kept.
 */
export function abandonRebase(context: SyncContext): void {
  const { journal, outbox } = context;
  const done = doneIds(context);
  try {
    for (const transaction of journal.read()) {
      if (done.has(transaction.id)) continue;
      const message = "the volume was reset before this transaction was run again";
      outbox.add(transaction, { code: "discarded", message, atMs: context.clock.nowMs() });
      context.settled([settledOf(transaction)], "rejected");
    }
  } catch (error) {
    if (!isGraftError(error, "corrupt")) throw error;
    journal.keepCopy();
  }
}

/** Pending commits, and what an earlier rebase left, go to the journal; then the store is reset. */
async function setAside(
  context: SyncContext,
  inside: Volume,
  news: News | undefined,
  options: RebaseOptions,
): Promise<void> {
  const { store, journal } = context;
  const { pending, remote: base } = store.state();
  const done = doneIds(context);
  const left = journal.ids().filter((id) => !done.has(id));
  const isLeft = new Set(left);
  const all = function* (): Generator<SetAsideTransaction> {
    for (const commit of pending) yield setAsideOf(commit);
    for (const transaction of journal.read()) if (isLeft.has(transaction.id)) yield transaction;
  };
  await saveWhatIsLost(context, inside, all(), options);
  journal.write(pending.length + left.length, all());
  store.resetToRemote(news?.remote ?? base, news?.changed ?? new MutablePageSet());
}

/** The local view is saved as it is when some of it cannot come back. */
async function saveWhatIsLost(
  context: SyncContext,
  inside: Volume,
  transactions: Iterable<SetAsideTransaction>,
  { refusalOf, save }: RebaseOptions,
): Promise<void> {
  let count = 0;
  let reason = "";
  for (const transaction of transactions) {
    const refusal = refusalOf(transaction);
    if (refusal === undefined) continue;
    count++;
    reason = refusal;
  }
  if (count === 0) return;
  if (save === undefined) {
    throw new GraftError(
      "invalid-argument",
      `volume ${context.volumeId}: ${count} local commit(s) cannot be run again (${reason}): reset, ` +
        "which saves them as a file, or rebase with a place to save them",
      { details: { volume: context.volumeId, count } },
    );
  }
  const reader = inside.openReader();
  try {
    await save(reader, undefined);
  } finally {
    reader.close();
  }
}

async function replayAll(
  context: SyncContext,
  inside: Volume,
  options: RebaseOptions,
): Promise<Pick<RebaseResult, "rebasedCount" | "rejectedCount">> {
  const { store, journal, outbox, clock } = context;
  const done = doneIds(context);
  let [rebasedCount, rejectedCount] = [0, 0];
  for (const transaction of journal.read()) {
    if (done.has(transaction.id)) continue;
    options.signal?.throwIfAborted();
    const { version } = store.state();
    const refusal = options.refusalOf(transaction);
    const outcome =
      refusal === undefined ? await options.replay(transaction, inside) : refused(refusal);
    if (outcome.kind === "rejected") {
      const { code, message } = outcome;
      outbox.add(transaction, { code, message, atMs: clock.nowMs() });
      context.settled([settledOf(transaction)], "rejected");
      rejectedCount++;
      continue;
    }
    const commit = store.state().pending.at(-1);
    invariant(
      store.state().version === version || commit?.appTransactionId === transaction.id,
      "a transaction that is run again keeps its id",
    );
    context.settled([settledOf(transaction)], "rebased");
    rebasedCount++;
  }
  return { rebasedCount, rejectedCount };
}

function refused(reason: string): Extract<ReplayOutcome, { readonly kind: "rejected" }> {
  return { kind: "rejected", code: "not-recorded", message: reason };
}

/** Ids of transactions that are where they belong. */
function doneIds({ store, outbox }: SyncContext): ReadonlySet<string> {
  const ids = new Set(outbox.ids());
  for (const commit of store.state().pending) ids.add(idOf(commit));
  return ids;
}

/** A commit that nobody named is known by its version, which no other one ever has. */
function idOf({ appTransactionId, version }: LocalCommit): string {
  return appTransactionId ?? `version-${version}`;
}

function setAsideOf(commit: LocalCommit): SetAsideTransaction {
  const { version, message, replay } = commit;
  return { id: idOf(commit), version, message, replay };
}

function settledOf({ id, version }: SetAsideTransaction): {
  readonly version: number;
  readonly appTransactionId: string;
} {
  return { version, appTransactionId: id };
}
