/**
 * What was uploaded of a push that was rejected. Where local work is carried over, the next push
 * sends the same pages, and names the same segments. Kept in memory: losing it costs an upload.
 */
import { difference, intersects } from "@graft/core";
import type { UploadedSegment } from "../remote/remote.ts";
import type { LocalStore } from "../store/local-store.ts";
import { pagesOfCommits } from "../store/replica.ts";

interface KeptSegments {
  /** The newest commit of the push, by its version. */
  readonly lastVersion: number;
  readonly segments: readonly UploadedSegment[];
}

const keptByStore = new WeakMap<LocalStore, KeptSegments>();

/** Call it before the push is dropped. */
export function keepRejected(store: LocalStore): void {
  const { push, pending } = store.state();
  const last = push === undefined ? undefined : pending[push.commitCount - 1];
  if (push === undefined || last === undefined || push.uploaded.length === 0) return;
  keptByStore.set(store, { lastVersion: last.version, segments: push.uploaded });
}

/** Gives the push that was just prepared what an earlier one had uploaded of the same pages. */
export function reuseRejected(store: LocalStore): void {
  const kept = keptByStore.get(store);
  const { push, pending } = store.state();
  if (kept === undefined || push === undefined) return;
  keptByStore.delete(store);
  // Commits that are gone took their pages along: another history began.
  if (!pending.some(({ version }) => version === kept.lastVersion)) return;
  const written = pagesOfCommits(pending.filter(({ version }) => version > kept.lastVersion));
  const isSame = ({ pageSet }: UploadedSegment): boolean =>
    difference(pageSet, push.pages).isEmpty && !intersects(pageSet, written);
  const segments = kept.segments.filter(isSame);
  if (segments.length > 0) store.keepUploaded(segments);
}
