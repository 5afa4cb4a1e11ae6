import {
  type Clock,
  type Compute,
  createSegmentId,
  inTurn,
  KeyedLimiter,
  mapConcurrent,
  mapOrdered,
  type Page,
  type PageSize,
  type Random,
  releaseBytes,
  takeWholeTurn,
  type VolumeId,
} from "@graft/core";
import {
  encodeFrame,
  type Frame,
  SegmentBuilder,
  type SegmentFooter,
  segmentKey,
  splitIntoFrames,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import { type MetricsRegistry, registerQueue, type SegmentInfo } from "@graft/rpc";

/**
 * Writes under way in this process; more wait. Each holds its request (≤ 8 MiB), its frames and,
 * where the store needs it in one piece, its segment (≤ 8 MiB each): four take 96 MiB of a server's
 * 300.
 */
const WRITE_CONCURRENCY = 4;
/** Frames of one write encoded side by side: as many as there are threads that do it. */
const ENCODE_CONCURRENCY = 4;
/**
 * Uploads of one write. It is one segment, but for pages so sparse that a footer cannot name them
 * all.
 */
const UPLOAD_CONCURRENCY = 4;
/** Megabytes that came in one piece and were decoded in one turn. */
const LARGE_REQUEST_SIZE: number = 1024 * 1024;

export interface SegmentWriterOptions {
  readonly store: ObjectStore;
  readonly compute: Compute;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: MetricsRegistry;
}

/** Stores pages as segments under fresh ids. Nobody reads them until a commit names them. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #writes = new KeyedLimiter<"write">(WRITE_CONCURRENCY);

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    registerQueue(options.metrics, "segment_writes", () => ({
      activeCount: this.#writes.activeCount("write"),
      waitingCount: this.#writes.waitingCount("write"),
    }));
  }

  /**
   * Durable when it resolves. After an error some segments may be there; they are garbage.
   *
   * @param pages ascending by index, none twice, each of the page size, at most 8 MiB together
   */
  async write(
    volumeId: VolumeId,
    pageSize: PageSize,
    pages: readonly Page[],
    signal: AbortSignal | undefined,
  ): Promise<readonly SegmentInfo[]> {
    if (pages.length === 0) return [];
    return await this.#writes.run(
      "write",
      () => this.#write(volumeId, pageSize, pages, signal),
      signal,
    );
  }

  async #write(
    volumeId: VolumeId,
    pageSize: PageSize,
    pages: readonly Page[],
    signal: AbortSignal | undefined,
  ): Promise<readonly SegmentInfo[]> {
    const { compute, store, clock } = this.#options;
    // Reading a large request took this turn.
    if (pages.length * pageSize >= LARGE_REQUEST_SIZE) await takeWholeTurn(clock, signal);
    const builders = [this.#builder(volumeId, pageSize)];
    const frames: Frame[] = [];
    const encoding = { concurrency: ENCODE_CONCURRENCY, signal };
    const runs = splitIntoFrames(pages, pageSize);
    const encode = (run: readonly Page[], _at: number, each: AbortSignal): Promise<Frame> =>
      inTurn(clock, () => encodeFrame(run, { volumeId, pageSize }, compute), each);
    for await (const frame of mapOrdered(runs, encoding, encode)) {
      if (builders.at(-1)?.hasSpaceFor(frame) === false) {
        builders.push(this.#builder(volumeId, pageSize));
      }
      builders.at(-1)?.add(frame);
      frames.push(frame);
    }
    const options = { concurrency: UPLOAD_CONCURRENCY, signal };
    const infos = await mapConcurrent(builders, options, async (builder, _, upload) => {
      // A store may have to put the megabytes together.
      await takeWholeTurn(clock, upload);
      const { footer, parts } = builder.finish(compute);
      await store.put(segmentKey(volumeId, footer.segmentId), parts, { signal: upload });
      return toInfo(footer);
    });
    for (const { data } of frames) releaseBytes(data);
    return infos;
  }

  #builder(volumeId: VolumeId, pageSize: PageSize): SegmentBuilder {
    return new SegmentBuilder({ volumeId, pageSize, segmentId: createSegmentId(this.#options) });
  }
}

function toInfo({ segmentId, pageSet, size }: SegmentFooter): SegmentInfo {
  return { segmentId, pageSet, sizeBytes: size };
}
