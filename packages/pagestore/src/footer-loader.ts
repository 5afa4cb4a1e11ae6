import { mustHoldPages, readFooter, SizedCache } from "@graft/catalog";
import { Coalescer, type Compute, type PageSize } from "@graft/core";
import { type SegmentRef, segmentKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import { createReadTally, type MetricsRegistry, type ReadTally } from "@graft/rpc";
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
  readonly #known = new SizedCache<string, SegmentRef>(ENTRY_COUNT_MAX);
  readonly #found: ReadTally;

  constructor(options: {
    readonly store: ObjectStore;
    readonly compute: Compute;
    readonly metrics: MetricsRegistry;
  }) {
    this.#store = options.store;
    this.#compute = options.compute;
    this.#found = createReadTally(options.metrics, "footer");
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
    const { ref, ownerVolumeId: volumeId } = take;
    if (ref.frames.length > 0) return ref;
    const key = segmentKey(volumeId, ref.segmentId);
    const read = async (flight: AbortSignal): Promise<SegmentRef> => {
      const owner = { volumeId, pageSize };
      const footer = await readFooter(this.#store, ref, owner, this.#compute, flight);
      this.#known.set(key, footer, footer.frames.length);
      this.#found("object_store");
      return footer;
    };
    const known = this.#known.get(key);
    if (known !== undefined) this.#found("memory");
    const footer = known ?? (await this.#flights.run(key, read, signal));
    mustHoldPages(footer, ref, volumeId);
    return footer;
  }
}
