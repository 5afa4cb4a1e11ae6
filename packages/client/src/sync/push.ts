/**
 * Push: all pending local commits become one remote commit.
 *
 * ```
 * prepare (commit id on disk) ─▶ upload (when large) ─▶ commit ─▶ definite? ─▶ complete | diverge |
 * abandon
 *                                     ▲                     │ no
 *                                     └────── again ◀───────┘   same commit id, for ever
 * ```
 *
 * A crash anywhere leaves either nothing prepared, or a prepared push whose outcome is unknown: the
 * next push sends the same commit id and gets a definite answer.
 */
import {
  backoffDelayMs,
  createCommitId,
  GraftError,
  INLINE_PAGES_SIZE_MAX,
  invariant,
  isGraftError,
  type Page,
  RETRY_POLICY_DEFAULT,
  retryAfterMsOf,
} from "@graft/core";

import { saysNothingWritten } from "@graft/rpc";
import type { RemoteCommitRequest } from "../remote/remote.ts";
import type { PreparedPush, RemotePoint } from "../store/local-store.ts";
import type { PushOptions, PushResult } from "../volume.ts";
import { keepRejected, reuseRejected } from "./kept-segments.ts";
import { forgetMissingSegments, readPushedPages, uploadPushedPages } from "./pushed-pages.ts";
import type { SyncContext } from "./sync-context.ts";

/**
 * Times one call of `push` sends a commit whose outcome stays unknown, before it gives up for now.
 */
const ATTEMPTS_MAX = 4;

/**
 * Sends everything that was committed before the call: a push that an earlier process prepared is
 * settled first, and what was committed after that follows.
 *
 * @throws GraftError `diverged`, `unavailable`, or what the server refused it with
 */
export async function push(context: SyncContext, options: PushOptions): Promise<PushResult> {
  const { version } = context.store.state();
  let result = await pushOnce(context, options);
  while (context.store.state().pending.some((commit) => commit.version <= version)) {
    result = joined(result, await pushOnce(context, options));
  }
  return result;
}

function joined(first: PushResult, next: PushResult): PushResult {
  if (first.kind === "nothing-to-push" || next.kind === "nothing-to-push") return next;
  const commitCount = first.commitCount + next.commitCount;
  return { ...next, commitCount, pageCount: first.pageCount + next.pageCount };
}

/**
 * One remote commit: the prepared push when there is one, else all that is pending.
 *
 * @throws GraftError as `push`
 */
export async function pushOnce(context: SyncContext, options: PushOptions): Promise<PushResult> {
  const state = context.store.state();
  if (state.isDiverged || context.journal.exists) throw divergedError(context);
  if (state.push === undefined && state.pending.length === 0) return { kind: "nothing-to-push" };
  // A push found on disk may have been sent by a process that died: its outcome is unknown.
  let isUnknown = state.push !== undefined;
  const prepared = state.push ?? (await prepare(context));
  context.note("prepare");
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptPush(context, prepared, options);
    switch (outcome.kind) {
      case "committed":
        return completePush(context, prepared, outcome.remote);
      case "rejected":
        keepRejected(context.store);
        settle(context, () => context.store.markDiverged());
        context.note("rejected");
        throw divergedError(context);
      case "failed":
        isUnknown ||= !outcome.isRefused;
        if (attempt < ATTEMPTS_MAX && hasForgottenSegments(context, outcome.error)) break;
        if (attempt < ATTEMPTS_MAX && mayPass(outcome.error) && options.signal?.aborted !== true) {
          await waitBeforeRetry(context, attempt, outcome.error, options.signal);
          break;
        }
        if (isUnknown || (!outcome.isSent && hasUploaded(context))) {
          context.note("lost");
        } else {
          settle(context, () => context.store.abandonPush());
          context.note("refused");
        }
        throw outcome.error;
    }
  }
}

/** What goes out from here on is this client's own: nothing of an earlier client id is left. */
async function prepare(context: SyncContext): Promise<PreparedPush> {
  await context.resolveClientId();
  const { store } = context;
  const prepared = store.preparePush(createCommitId(context.random));
  reuseRejected(store);
  return store.state().push ?? prepared;
}

/**
 * At least as long as a busy server asked for. Returns early when the caller gives up: the next
 * attempt then fails with the reason.
 */
async function waitBeforeRetry(
  context: SyncContext,
  attempt: number,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  const delayMs = backoffDelayMs(RETRY_POLICY_DEFAULT, attempt, context.random);
  await context.clock
    .sleep(Math.max(delayMs, retryAfterMsOf(error)), signal)
    .catch((error: unknown) => {
      if (signal?.aborted !== true) throw error;
    });
}

/** The error of an operation on a volume whose base has moved. */
export function divergedError(context: SyncContext): GraftError {
  const state = context.store.state();
  const base = state.remote === undefined ? "nothing" : `LSN ${state.remote.lsn}`;
  return new GraftError(
    "diverged",
    `volume ${context.volumeId} is diverged: ${state.pending.length} local commit(s) stand on ` +
      `${base}, and another client committed after it; reset to take theirs (yours is saved first)`,
    { details: { volume: context.volumeId, pending: state.pending.length } },
  );
}

type PushOutcome =
  | { readonly kind: "committed"; readonly remote: RemotePoint }
  | { readonly kind: "rejected" }
  | {
      readonly kind: "failed";
      readonly error: unknown;
      /** Whether the commit was sent: else its pages did not all arrive. */
      readonly isSent: boolean;
      /** Whether it is sure that this attempt did not try its PUT. */
      readonly isRefused: boolean;
    };

async function attemptPush(
  context: SyncContext,
  prepared: PreparedPush,
  options: PushOptions,
): Promise<PushOutcome> {
  let isSent = false;
  try {
    const request = await buildRequest(context, prepared, options);
    isSent = true;
    const answer = await context.remote.commit(request, options.signal);
    context.reached();
    if (answer.kind === "rejected") return { kind: "rejected" };
    const { lsn, pageCount, pageSize } = answer.snapshot;
    return { kind: "committed", remote: { lsn, pageCount, pageSize } };
  } catch (error) {
    // Before the commit was sent nothing can have landed: this attempt was no attempt.
    return {
      kind: "failed",
      error,
      isSent,
      isRefused: !isSent || (isGraftError(error) && saysNothingWritten(error)),
    };
  }
}

async function buildRequest(
  context: SyncContext,
  prepared: PreparedPush,
  options: PushOptions,
): Promise<RemoteCommitRequest> {
  const { store } = context;
  const pageSize = store.pageSize;
  invariant(pageSize !== undefined, "a volume with local commits knows its page size");
  const pin = store.pinPush();
  invariant(pin !== undefined, "a prepared push can be pinned");
  try {
    const isInline = prepared.pages.cardinality * pageSize <= INLINE_PAGES_SIZE_MAX;
    const segments = isInline ? [] : await uploadPushedPages(context, pin, options);
    const last = store.state().pending[prepared.commitCount - 1];
    return {
      volumeId: context.volumeId,
      clientId: context.clientId(),
      commitId: prepared.commitId,
      base: prepared.base,
      pageSize,
      pageCount: prepared.pageCount,
      lowPageCount: prepared.lowPageCount,
      segments,
      inlinePages: isInline
        ? Array.from(readPushedPages(context, pin, prepared.pages), copyOf)
        : [],
      message: options.message ?? last?.message,
      appTransactionId: last?.appTransactionId,
    };
  } finally {
    pin.close();
  }
}

function copyOf({ index, data }: Page): Page {
  return { index, data: data.slice() };
}

/** The push landed: its commits are the remote snapshot `remote` now. */
export function completePush(
  context: SyncContext,
  prepared: PreparedPush,
  remote: RemotePoint,
): PushResult {
  const pushed = context.store.state().pending.slice(0, prepared.commitCount);
  settle(context, () => context.store.completePush(remote));
  const isBehind = context.store.state().pending.length > 0;
  context.note(isBehind ? "committed-behind" : "committed");
  context.settled(pushed, "pushed", remote.lsn);
  return {
    kind: "pushed",
    lsn: remote.lsn,
    commitCount: prepared.commitCount,
    pageCount: prepared.pages.cardinality,
  };
}

/**
 * Keeps a definite answer. When the disk does not take it, the push stays prepared and its outcome
 * counts as unknown: the next push asks again and hears the same.
 */
function settle(context: SyncContext, change: () => void): void {
  try {
    change();
  } catch (error) {
    context.note("lost");
    throw error;
  }
}

/** What has arrived of an upload is worth keeping: the push stays prepared until it is repeated. */
function hasUploaded(context: SyncContext): boolean {
  return (context.store.state().push?.uploaded.length ?? 0) > 0;
}

function hasForgottenSegments(context: SyncContext, error: unknown): boolean {
  return isGraftError(error, "not-found") && forgetMissingSegments(context, error);
}

function mayPass(error: unknown): boolean {
  return isGraftError(error) && error.isRepeatable;
}
