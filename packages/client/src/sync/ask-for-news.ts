import { type Lsn, MutablePageSet, type PageSet } from "@graft/core";
import type { RemotePoint } from "../store/local-store.ts";
import type { SyncContext } from "./sync-context.ts";

/** News: the remote head, and what changed since our base. */
export interface News {
  /** Our base when it was asked for; it may be another one by now. */
  readonly from: Lsn | undefined;
  readonly remote: RemotePoint;
  readonly changed: PageSet;
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
    const remote = { lsn, pageCount, pageSize };
    return { from: undefined, remote, changed: new MutablePageSet() };
  }
  const changes = await context.remote.pullChanges(context.volumeId, base.lsn, signal);
  if (changes === undefined) return undefined;
  const { lsn, pageCount, pageSize } = changes.snapshot;
  const remote = { lsn, pageCount, pageSize };
  return { from: base.lsn, remote, changed: changes.changed };
}
