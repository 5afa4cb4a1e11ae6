/**
 * `PRAGMA graft_…`: what the database can do beside SQL, for programs that only have SQL. Each
 * answers one row with one JSON text.
 */

import type { LocalCommit } from "@graft/client";
import { isGraftError } from "@graft/core";
import { GRAFT_VERSION } from "../version.ts";
import { parsePageList } from "./page-list.ts";
import { asyncJsonAnswer, errorAnswer, jsonAnswer } from "./pragma-answer.ts";
import type { PragmaContext, PragmaHandler } from "./pragma-context.ts";

/** By lower-case name. */
export const GRAFT_PRAGMAS: Readonly<Record<string, PragmaHandler>> = {
  graft_status: withoutValue((context) => jsonAnswer(context.volume.status())),
  graft_snapshot: withoutValue((context) => jsonAnswer(describeSnapshot(context))),
  graft_pages: withoutValue((context) => jsonAnswer(describePages(context))),
  graft_log: withoutValue((context) => jsonAnswer(describeLog(context))),
  graft_version: withoutValue(() => jsonAnswer(GRAFT_VERSION)),
  graft_fetch: (context, value) => {
    const reader = context.reader ?? context.volume.openReader();
    const close = (): void => {
      if (reader !== context.reader) reader.close();
    };
    try {
      const pages = parsePageList(value ?? "all", reader.pageCount);
      return asyncJsonAnswer(async (signal) => {
        try {
          await reader.fetch(pages, signal);
          return { pages: pages.cardinality };
        } finally {
          close();
        }
      });
    } catch (error) {
      close();
      if (!isGraftError(error, "invalid-argument")) throw error;
      return errorAnswer(error.message);
    }
  },
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
  graft_reset: (context, value) =>
    outsideTransaction(context, "graft_reset", (signal) =>
      context.actions.reset({ signal, save: value === "discard" ? false : (value ?? true) }),
    ),
};

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
