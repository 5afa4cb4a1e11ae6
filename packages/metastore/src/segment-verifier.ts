import {
  type Clock,
  Coalescer,
  type Compute,
  difference,
  GraftError,
  gidTimestampMs,
  intersects,
  invariant,
  mapConcurrent,
  type PageSet,
  type PageSize,
  SEGMENT_AGE_MAX_MS,
  type SegmentId,
  type VolumeId,
} from "@graft/core";
import {
  type FrameEntry,
  framePageSet,
  readSegmentTail,
  SEGMENT_TAIL_SIZE,
  type SegmentFooter,
  type SegmentRef,
  segmentKey,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import {
  createReadTally,
  type MetricsRegistry,
  type ReadTally,
  type SegmentInfo,
} from "@graft/rpc";
import { FooterCache } from "./footer-cache.ts";

/** Footers read side by side for one commit. */
const READ_CONCURRENCY = 16;
/** Names in an error message. */
const NAME_COUNT_MAX = 10;

/** The segments of one commit, and what they are checked against. */
export interface SegmentClaims {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  readonly segments: readonly SegmentInfo[];
  /** The segments in the map at the base: their age does not matter. Asked for when one is old. */
  readonly namedAtBase: () => Promise<ReadonlySet<string>>;
}

/**
 * Checks what a commit claims about its segments, by their footers: ≤ 2 requests each, none twice.
 */
export class SegmentVerifier {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #compute: Compute;
  readonly #footers = new FooterCache();
  readonly #reads = new Coalescer<string, SegmentFooter | undefined>();
  readonly #found: ReadTally;

  constructor(options: {
    readonly store: ObjectStore;
    readonly clock: Clock;
    readonly compute: Compute;
    readonly metrics: MetricsRegistry;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#compute = options.compute;
    this.#found = createReadTally(options.metrics, "footer");
  }

  /**
   * The references to put into the record, in the order of the request.
   *
   * @throws GraftError `not-found` naming segments that do not exist or are older than 24 h:
   *   upload again, and commit under the same commit id; `invalid-argument` when one does not hold
   *   what is claimed; `corrupt`
   */
  async verify(
    claims: SegmentClaims,
    signal: AbortSignal | undefined,
  ): Promise<readonly SegmentRef[]> {
    if (claims.segments.length === 0) return [];
    for (const segment of claims.segments) mustBeOwn(segment, claims.volumeId);
    await this.#mustBeYoung(claims);
    const options = { concurrency: READ_CONCURRENCY, signal };
    const footers = await mapConcurrent(claims.segments, options, (segment, _at, each) =>
      this.#footer(claims.volumeId, segment.segmentId, each),
    );
    const missing = claims.segments.filter((_, at) => footers[at] === undefined);
    if (missing.length > 0) throw notFound(claims.volumeId, missing, "do not exist");
    return claims.segments.map((segment, at) => {
      const footer = footers[at];
      invariant(footer !== undefined, "every footer was found");
      return refer(segment, footer, claims.pageSize);
    });
  }

  async #mustBeYoung({ volumeId, segments, namedAtBase }: SegmentClaims): Promise<void> {
    const oldestMs = this.#clock.nowMs() - SEGMENT_AGE_MAX_MS;
    const aged = segments.filter(({ segmentId }) => gidTimestampMs(segmentId) < oldestMs);
    if (aged.length === 0) return;
    const named = await namedAtBase();
    const old = aged.filter(({ segmentId }) => !named.has(segmentId));
    if (old.length > 0) throw notFound(volumeId, old, "are older than 24 h and may be removed");
  }

  async #footer(
    volumeId: VolumeId,
    segmentId: SegmentId,
    signal: AbortSignal,
  ): Promise<SegmentFooter | undefined> {
    const key = segmentKey(volumeId, segmentId);
    const known = this.#footers.get(key);
    if (known !== undefined) {
      this.#found("memory");
      return known;
    }
    const footer = await this.#reads.run(key, (flight) => this.#read(key, flight), signal);
    if (footer === undefined) return undefined;
    if (footer.segmentId !== segmentId || footer.volumeId !== volumeId) {
      const what = `${key}: its footer is of segment ${footer.segmentId} of ${footer.volumeId}`;
      throw new GraftError("corrupt", what, { details: { object: key } });
    }
    this.#footers.add(key, footer);
    this.#found("object_store");
    return footer;
  }

  async #read(key: string, signal: AbortSignal): Promise<SegmentFooter | undefined> {
    const end = await this.#store.get(key, { range: { suffix: SEGMENT_TAIL_SIZE }, signal });
    if (end === undefined) return undefined;
    const object = { objectName: key, size: end.size };
    const tail = readSegmentTail(end.bytes, object, this.#compute);
    if (tail.kind === "footer") return tail.footer;
    const more = await this.#store.get(key, { range: tail.range, signal });
    if (more === undefined) return undefined;
    const whole = readSegmentTail(more.bytes, object, this.#compute);
    if (whole.kind === "footer") return whole.footer;
    throw new GraftError("corrupt", `${key}: its footer cannot be found`, {
      details: { object: key },
    });
  }
}

function mustBeOwn({ segmentId, ownerVolumeId }: SegmentInfo, volumeId: VolumeId): void {
  if (ownerVolumeId === undefined || ownerVolumeId === volumeId) return;
  throw new GraftError(
    "invalid-argument",
    `segment ${segmentId} belongs to volume ${ownerVolumeId}: a commit of volume ${volumeId} names ` +
      "segments of its own only",
    { details: { segment: segmentId, volume: volumeId, owner: ownerVolumeId } },
  );
}

function refer(segment: SegmentInfo, footer: SegmentFooter, pageSize: PageSize): SegmentRef {
  const { segmentId, pageSet, sizeBytes } = segment;
  if (footer.pageSize !== pageSize) {
    throw refused(segmentId, `it has pages of ${footer.pageSize} bytes, the commit of ${pageSize}`);
  }
  if (sizeBytes !== undefined && sizeBytes !== footer.size) {
    throw refused(segmentId, `expected ${sizeBytes} bytes as the commit says, got ${footer.size}`);
  }
  if (pageSet.isEmpty) throw refused(segmentId, "the commit takes no page from it");
  const unheld = difference(pageSet, footer.pageSet);
  if (!unheld.isEmpty) {
    throw refused(segmentId, `it does not hold page ${unheld.first}, which the commit takes`);
  }
  const frames = framesTaken(footer, pageSet);
  return { segmentId, pageSet, size: footer.size, frames };
}

/**
 * The frames that hold pages of the set; one of which only a part is taken names all of its pages.
 */
function framesTaken(footer: SegmentFooter, pageSet: PageSet): readonly FrameEntry[] {
  if (pageSet.cardinality === footer.pageSet.cardinality) return footer.frames;
  return footer.frames.flatMap((entry) => {
    const held = framePageSet(footer, entry);
    if (!intersects(held, pageSet)) return [];
    return [difference(held, pageSet).isEmpty ? entry : { ...entry, pageSet: held }];
  });
}

function refused(segmentId: SegmentId, why: string): GraftError {
  return new GraftError("invalid-argument", `segment ${segmentId}: ${why}`, {
    details: { segment: segmentId },
  });
}

function notFound(volumeId: VolumeId, segments: readonly SegmentInfo[], why: string): GraftError {
  const names = segments.slice(0, NAME_COUNT_MAX).map(({ segmentId }) => segmentId);
  const more = segments.length > names.length ? ` and ${segments.length - names.length} more` : "";
  return new GraftError(
    "not-found",
    `segments of volume ${volumeId} ${why}: ${names.join(", ")}${more}; upload the pages again and ` +
      "commit under the same commit id",
    { details: { volume: volumeId, segments: names.join(","), segmentCount: segments.length } },
  );
}
