import { type Compute, difference, GraftError, type PageSize, type VolumeId } from "@graft/core";
import {
  readSegmentTail,
  type SegmentRef,
  segmentKey,
  segmentRefOf,
  segmentTailRange,
} from "@graft/format";
import type { ObjectReader } from "./checkpoint-objects.ts";

/**
 * A reference to all pages of a segment, with its frame index: from its footer, in at most two
 * requests.
 *
 * @param ref what a commit says of the segment
 * @param owner the volume whose prefix holds it, and its page size
 * @throws GraftError `corrupt` when it is missing, another's, or without a page that the commit
 *   takes from it
 */
export async function readFooter(
  objects: ObjectReader,
  ref: SegmentRef,
  owner: { readonly volumeId: VolumeId; readonly pageSize: PageSize },
  compute: Compute,
  signal: AbortSignal | undefined,
): Promise<SegmentRef> {
  const key = segmentKey(owner.volumeId, ref.segmentId);
  const object = { objectName: key, size: ref.size };
  let range = segmentTailRange(ref.size);
  // The first read may be too short; the second has all that the first asked for.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const stored = await objects.get(key, { range, signal });
    if (stored === undefined) throw corrupt(key, "it is missing, though a commit names it");
    if (stored.size !== ref.size || stored.bytes.length !== range.size) {
      throw corrupt(key, `expected ${ref.size} bytes, got ${stored.size}`);
    }
    const tail = readSegmentTail(stored.bytes, object, compute);
    if (tail.kind === "footer") {
      const { footer } = tail;
      const isOurs = footer.segmentId === ref.segmentId && footer.volumeId === owner.volumeId;
      if (!isOurs || footer.pageSize !== owner.pageSize) {
        throw corrupt(key, "its footer is another's");
      }
      return segmentRefOf(footer);
    }
    range = tail.range;
  }
  throw corrupt(key, "its footer cannot be found");
}

/** @throws GraftError `corrupt` when the segment has not every page that a commit takes from it */
export function mustHoldPages(footer: SegmentRef, ref: SegmentRef, owner: VolumeId): void {
  const unnamed = difference(ref.pageSet, footer.pageSet);
  if (unnamed.isEmpty) return;
  const key = segmentKey(owner, ref.segmentId);
  throw corrupt(key, `it does not hold page ${unnamed.first}, which a commit takes from it`);
}

function corrupt(objectKey: string, what: string): GraftError {
  return new GraftError("corrupt", `${objectKey}: ${what}`, { details: { object: objectKey } });
}
