import { Coalescer, type Compute, difference, GraftError, type PageSize } from "@graft/core";
import {
  readSegmentTail,
  type SegmentRef,
  segmentKey,
  segmentRefOf,
  segmentTailRange,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import type { SegmentTake } from "./read-plan.ts";

/** Frame entries remembered at most: at ≈ 200 bytes each, 13 MiB. */
const ENTRY_COUNT_MAX = 65_536;

/**
 * References with their frame index. A commit whose frame indexes are beyond 1 MiB leaves them to
 * the segments' footers, which are read here: once, at most two requests each, and checked against
 * the commit.
 */
export class FooterLoader {
  readonly #store: ObjectStore;
  readonly #compute: Compute;
  readonly #flights = new Coalescer<string, SegmentRef>();
  /** Least recently used first. */
  readonly #known = new Map<string, SegmentRef>();
  #entryCount = 0;

  constructor(options: { readonly store: ObjectStore; readonly compute: Compute }) {
    this.#store = options.store;
    this.#compute = options.compute;
  }

  /**
   * The take's reference if it has an index, else that of the segment's footer. @throws GraftError
   * `corrupt`
   */
  async load(
    take: SegmentTake,
    pageSize: PageSize,
    signal: AbortSignal | undefined,
  ): Promise<SegmentRef> {
    const { ref, ownerVolumeId } = take;
    if (ref.frames.length > 0) return ref;
    const key = segmentKey(ownerVolumeId, ref.segmentId);
    const footer =
      this.#recall(key) ??
      (await this.#flights.run(
        key,
        async (flight) => {
          const read = await this.#read(key, take, pageSize, flight);
          this.#remember(key, read);
          return read;
        },
        signal,
      ));
    const unnamed = difference(ref.pageSet, footer.pageSet);
    if (unnamed.isEmpty) return footer;
    throw corrupt(key, `it does not hold page ${unnamed.first}, which a commit takes from it`);
  }

  async #read(
    key: string,
    { ref, ownerVolumeId }: SegmentTake,
    pageSize: PageSize,
    signal: AbortSignal,
  ): Promise<SegmentRef> {
    const object = { objectName: key, size: ref.size };
    let range = segmentTailRange(ref.size);
    // The first read may be too short; the second has all that the first asked for.
    for (let attempt = 1; ; attempt++) {
      const stored = await this.#store.get(key, { range, signal });
      if (stored === undefined) throw corrupt(key, "it is missing, though a commit names it");
      if (stored.size !== ref.size || stored.bytes.length !== range.size) {
        throw corrupt(key, `expected ${ref.size} bytes, got ${stored.size}`);
      }
      const tail = readSegmentTail(stored.bytes, object, this.#compute);
      if (tail.kind === "footer") {
        const { footer } = tail;
        const isOurs = footer.segmentId === ref.segmentId && footer.volumeId === ownerVolumeId;
        if (!isOurs || footer.pageSize !== pageSize) throw corrupt(key, "its footer is another's");
        return segmentRefOf(footer);
      }
      if (attempt === 2) throw corrupt(key, "its footer cannot be found");
      range = tail.range;
    }
  }

  #recall(key: string): SegmentRef | undefined {
    const ref = this.#known.get(key);
    if (ref === undefined) return undefined;
    this.#known.delete(key);
    this.#known.set(key, ref);
    return ref;
  }

  #remember(key: string, ref: SegmentRef): void {
    this.#known.set(key, ref);
    this.#entryCount += ref.frames.length;
    for (const [oldest, { frames }] of this.#known) {
      if (this.#entryCount <= ENTRY_COUNT_MAX) return;
      this.#known.delete(oldest);
      this.#entryCount -= frames.length;
    }
  }
}

function corrupt(objectKey: string, what: string): GraftError {
  return new GraftError("corrupt", `${objectKey}: ${what}`, { details: { object: objectKey } });
}
