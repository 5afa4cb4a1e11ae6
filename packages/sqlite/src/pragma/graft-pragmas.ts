/**
 * `PRAGMA graft_…`: what the database can do beside SQL, for programs that only have SQL. Each
 * answers one row with one JSON text.
 */

import type { LocalCommit } from "@graft/client";
import { isGraftError, type Lsn, type PageSet, parseLsn } from "@graft/core";
import type { PragmaAnswer } from "@graft/sqlite-engine";
import { describeRejected, type OutboxEntry } from "../conflict/database-outbox.ts";
import { GRAFT_VERSION } from "../version.ts";
import { parsePageList } from "./page-list.ts";
import { asyncJsonAnswer, errorAnswer, jsonAnswer } from "./pragma-answer.ts";
import type { PragmaContext, PragmaHandler } from "./pragma-context.ts";

/** By lower-case name. */
export const GRAFT_PRAGMAS: Readonly<Record<string, PragmaHandler>> = {
  graft_status: withoutValue((context) => jsonAnswer(context.volume.status())),
  graft_snapshot: withoutValue((context) => jsonAnswer(describeSnapshot(context))),
  graft_pages: withoutValue((context) => jsonAnswer(describePages(context))),
  graft_log: (context, value) => {
    if (value === undefined) return jsonAnswer(describeLog(context));
    return refusing(() => {
      const from = parseLsn(value);
      return asyncJsonAnswer((signal) => describeRemoteLog(context, from, signal));
    });
  },
  graft_version: withoutValue(() => jsonAnswer(GRAFT_VERSION)),
  graft_fetch: (context, value) =>
    refusing(() => {
      const pages = parsePageList(value ?? "all", context.volume.status().snapshot.pageCount);
      return asyncJsonAnswer((signal) => fetchPages(context, pages, signal));
    }),
  graft_hydrate: withoutValue(({ actions }) =>
    asyncJsonAnswer((signal) => actions.hydrate({ signal })),
  ),
  graft_push: (context, value) =>
    outsideTransaction(context, "graft_push", (signal) =>
      context.actions.push({ signal, ...(value !== undefined && { message: value }) }),
    ),
  graft_pull: withoutValue((context) =>
    outsideTransaction(context, "graft_pull", (signal) => context.actions.pull({ signal })),
  ),
  graft_sync: withoutValue((context) =>
    outsideTransaction(context, "graft_sync", (signal) => context.actions.sync({ signal })),
  ),
  graft_rebase: withoutValue((context) =>
    outsideTransaction(context, "graft_rebase", (signal) => context.actions.rebase({ signal })),
  ),
  graft_outbox: ({ actions }, value) => {
    const entries = actions.outbox().map(describeRejected);
    if (value === undefined) return jsonAnswer(entries.map(withCount));
    const entry = entries.find(({ id }) => id === value);
    return entry === undefined
      ? errorAnswer(`no transaction "${value}" in the outbox`)
      : jsonAnswer(entry);
  },
  graft_reset: (context, value) =>
    outsideTransaction(context, "graft_reset", (signal) =>
      context.actions.reset({ signal, save: value === "discard" ? false : (value ?? true) }),
    ),
};

/** A list of many tells how much each did; what, it tells one by one. */
function withCount({ statements, ...entry }: OutboxEntry): unknown {
  return { ...entry, statementCount: statements?.length };
}

function describeSnapshot({ volume, reader }: PragmaContext): unknown {
  const snapshot = reader ?? volume.openReader();
  const { version, lsn, pageCount, pageSize } = snapshot;
  if (snapshot !== reader) snapshot.close();
  return { volume: volume.volumeId, version, lsn, pageCount, pageSize };
}

function describePages({ volume }: PragmaContext): unknown {
  const { snapshot, cached } = volume.status();
  const { pageCount, pageSize } = snapshot;
  return { pageCount, pageSize, bytes: pageCount * pageSize, cached };
}

function describeLog({ volume }: PragmaContext): unknown {
  return { remote: volume.status().remote, pending: volume.pendingCommits().map(describeCommit) };
}

function describeCommit(commit: LocalCommit): unknown {
  const { version, pageCount, pages, message, appTransactionId } = commit;
  return { version, pageCount, pages: pages.cardinality, message, appTransactionId };
}

/** The remote history from an LSN on: one page of it, and where the next one begins. */
async function describeRemoteLog(
  { volume }: PragmaContext,
  from: Lsn,
  signal: AbortSignal,
): Promise<unknown> {
  const { commits, hasMore } = await volume.remoteLog(from, { signal });
  const described = commits.map(({ snapshot, changedPageCount, message, appTransactionId }) => {
    const { lsn, pageCount, timestampMs, clientId } = snapshot;
    return { lsn, pageCount, timestampMs, clientId, changedPageCount, message, appTransactionId };
  });
  return { commits: described, hasMore };
}

/** Of the snapshot of the transaction, where there is one. */
async function fetchPages(
  { volume, reader }: PragmaContext,
  pages: PageSet,
  signal: AbortSignal,
): Promise<unknown> {
  const snapshot = reader ?? volume.openReader();
  try {
    await snapshot.fetch(pages, signal);
    return { pages: pages.cardinality };
  } finally {
    if (snapshot !== reader) snapshot.close();
  }
}

/** What the caller wrote wrongly is an answer, not a crash. */
function refusing(answer: () => PragmaAnswer): PragmaAnswer {
  try {
    return answer();
  } catch (error) {
    if (!isGraftError(error, "invalid-argument")) throw error;
    return errorAnswer(error.message);
  }
}

/** Waiting for a base change inside the transaction that holds it off would never end. */
function outsideTransaction(
  context: PragmaContext,
  name: string,
  run: (signal: AbortSignal) => Promise<unknown>,
): ReturnType<PragmaHandler> {
  if (context.isWriting) {
    return errorAnswer(`${name} cannot run inside a write transaction: end the transaction first`);
  }
  return asyncJsonAnswer(run);
}

function withoutValue(
  handler: (context: PragmaContext) => ReturnType<PragmaHandler>,
): PragmaHandler {
  return (context, value) =>
    value === undefined
      ? handler(context)
      : errorAnswer(`this pragma takes no value, got "${value}"`);
}
