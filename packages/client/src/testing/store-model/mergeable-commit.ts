import { intersects, type PageSet, pageSetOf, toPageIndex } from "@graft/core";
import type { RemotePoint } from "../../store/local-store.ts";
import type { RemoteModel } from "./remote-model.ts";
import type { ReplicaModel } from "./replica-model.ts";

/** News that pending commits can be carried over to. */
export interface MergeableNews {
  readonly head: RemotePoint;
  readonly changed: PageSet;
}

/**
 * Has another client commit pages that no pending commit of the model wrote; undefined when what
 * pends cannot be carried over, whatever is committed.
 *
 * @param drawn pages and a page count that may be bent
 */
export function commitBeside(
  model: ReplicaModel,
  remote: RemoteModel,
  drawn: { readonly pages: readonly number[]; readonly pageCount: number },
  nextContent: () => number,
): MergeableNews | undefined {
  const { pending, remote: base } = model;
  if (base === undefined || model.push !== undefined || pending.length === 0) return undefined;
  if (pending.some((commit) => commit.pageCount !== base.pageCount)) return undefined;
  const written = new Set(pending.flatMap((commit) => [...commit.pages]));
  const pageCount = Math.max(drawn.pageCount, ...written);
  const pages = drawn.pages.filter((page) => page <= pageCount && !written.has(page));
  const writes = new Map(pages.map((page) => [page, nextContent()]));
  const head = remote.commit({ writes, pageCount, lowPageCount: pageCount });
  const changed = remote.changedSince(base.lsn);
  const ours = pageSetOf([...written].map(toPageIndex));
  return intersects(changed, ours) ? undefined : { head, changed };
}
