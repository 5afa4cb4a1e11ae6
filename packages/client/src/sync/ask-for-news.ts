import { MutablePageSet, type PageSet } from "@graft/core";
import type { RemotePoint } from "../store/local-store.ts";
import type { SyncContext } from "./sync-context.ts";

/** News: the remote head, and what changed since our base. */
export interface News {
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
    return { remote: { lsn, pageCount, pageSize }, changed: new MutablePageSet() };
  }
  const changes = await context.remote.pullChanges(context.volumeId, base.lsn, signal);
  if (changes === undefined) return undefined;
  const { lsn, pageCount, pageSize } = changes.snapshot;
  return { remote: { lsn, pageCount, pageSize }, changed: changes.changed };
}
