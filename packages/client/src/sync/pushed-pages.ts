/**
 * The pages of a prepared push on their way to the PageStore. Each part that has arrived is noted
 * in the local store: a push that is interrupted, killed included, sends only the rest when it is
 * repeated, under the same commit id.
 */
import {
  difference,
  type GraftError,
  gidTimestampMs,
  invariant,
  MutablePageSet,
  type Page,
  type PageSet,
  SEGMENT_AGE_MAX_MS,
  toPageIndex,
  unionInto,
} from "@graft/core";
import type { UploadedSegment } from "../remote/remote.ts";
import type { Pin, PreparedPush } from "../store/local-store.ts";
import type { PushOptions } from "../volume.ts";
import type { SyncContext } from "./sync-context.ts";
import { uploadPages } from "./upload.ts";

/** A commit refuses segments that are older than a day: those it would meet so are not kept. */
const KEPT_AGE_MAX_MS: number = SEGMENT_AGE_MAX_MS - 60 * 60 * 1000;

/** Pages as the push has them. The bytes of one are good until the next is asked for. */
export function* readPushedPages(context: SyncContext, pin: Pin, pages: PageSet): Generator<Page> {
  const data = new Uint8Array(context.store.pageSize ?? 0);
  for (const member of pages) {
    const index = toPageIndex(member);
    const kind = context.store.read(pin, index, data);
    invariant(kind !== "absent", `page ${index} of a prepared push is in the local store`);
    yield { index, data };
  }
}

/**
 * Uploads what no segment holds yet. Answers all segments of the push, by their first page.
 *
 * @throws GraftError as `uploadPages`; what has arrived until then is noted
 */
export async function uploadPushedPages(
  context: SyncContext,
  pin: Pin,
  options: PushOptions,
): Promise<readonly UploadedSegment[]> {
  const { store, clock } = context;
  const oldestMs = clock.nowMs() - KEPT_AGE_MAX_MS;
  keepSegments(context, ({ segmentId }) => gidTimestampMs(segmentId) >= oldestMs);
  const { pages, base, uploaded } = mustPush(context);
  const { pageSize } = store;
  invariant(pageSize !== undefined, "a volume with local commits knows its page size");
  const held = new MutablePageSet();
  for (const { pageSet } of uploaded) unionInto(held, pageSet);
  const rest = difference(pages, held);
  const total = pages.cardinality;
  let done = total - rest.cardinality;
  if (done > 0) options.onProgress?.({ done, total });
  if (rest.isEmpty) return inPageOrder(uploaded, pages);
  const added = await uploadPages({
    ...context,
    pageSize,
    isNewVolume: base === undefined,
    pages: readPushedPages(context, pin, rest),
    onStored: (_, segments) => store.keepUploaded([...mustPush(context).uploaded, ...segments]),
    onDone: (pageCount) => {
      done += pageCount;
      options.onProgress?.({ done, total });
    },
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  // NOTE: not what the store has noted: a full disk notes nothing.
  return inPageOrder([...uploaded, ...added], pages);
}

function inPageOrder(
  segments: readonly UploadedSegment[],
  pages: PageSet,
): readonly UploadedSegment[] {
  let count = 0;
  for (const { pageSet } of segments) count += pageSet.cardinality;
  invariant(count === pages.cardinality, "every page of a push is in one of its segments");
  return segments.toSorted((a, b) => (a.pageSet.first ?? 0) - (b.pageSet.first ?? 0));
}

/**
 * Forgets the segments that a commit did not find, so that their pages are uploaded again. False
 * when the error speaks of none.
 */
export function forgetMissingSegments(context: SyncContext, error: GraftError): boolean {
  const { segments, segmentCount } = error.details;
  if (typeof segments !== "string" || context.store.state().push === undefined) return false;
  const named = new Set(segments.split(","));
  // A long list is cut off: then none is trusted.
  const isWhole = named.size === Number(segmentCount);
  return keepSegments(context, ({ segmentId }) => isWhole && !named.has(segmentId));
}

function keepSegments(
  context: SyncContext,
  isKept: (segment: UploadedSegment) => boolean,
): boolean {
  const { uploaded } = mustPush(context);
  const kept = uploaded.filter(isKept);
  if (kept.length === uploaded.length) return false;
  context.store.keepUploaded(kept);
  return true;
}

function mustPush(context: SyncContext): PreparedPush {
  const { push } = context.store.state();
  invariant(push !== undefined, "a push is prepared before its pages are uploaded");
  return push;
}
