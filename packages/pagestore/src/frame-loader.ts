/**
 * Pages out of frames: from memory, else from the local disk, else from the store in as few ranges
 * as sensible. Whatever came from disk or store is verified against the hash that the commit names.
 * A frame that many wait for is fetched and decoded once.
 */

import { decodeCatalogCommit, hasFrameData } from "@graft/catalog";
import {
  type ByteRange,
  Coalescer,
  type Compute,
  GraftError,
  invariant,
  isGraftError,
  KeyedLimiter,
  mapConcurrent,
  type PageSet,
  type PageSize,
} from "@graft/core";
import {
  decodeFrame,
  type Frame,
  type FrameContext,
  frameOf,
  framePageSet,
  frameRange,
  logKey,
} from "@graft/format";
import type { ObjectStore, StoredObject } from "@graft/object-store";
import { createReadTally, type MetricsRegistry, type ReadTally, registerQueue } from "@graft/rpc";
import type { DiskFrameCache } from "./frame-cache/disk-frame-cache.ts";
import type { DecodedFrame, FrameCache } from "./frame-cache/frame-cache.ts";
import {
  type FrameTake,
  frameKey,
  type InlineFrameSource,
  mergeFrameTakes,
  type SegmentFrame,
} from "./frame-take.ts";
import { readLogObject } from "./log-reader.ts";
import { groupRanges, type RangeGroup } from "./range-groups.ts";

/** Ranges under way for one call: with ≤ 2 MiB each, 16 MiB. */
const CALL_RANGE_CONCURRENCY = 8;
/** Requests under way for all calls: with ≤ 2 MiB each, 64 MiB. */
const REQUEST_CONCURRENCY = 32;
/** Frames decoded side by side: twice the threads that do it, and with 256 KiB each 2 MiB. */
const DECODE_CONCURRENCY = 8;

export interface FrameLoaderOptions {
  readonly store: ObjectStore;
  readonly cache: FrameCache;
  /** Asked before the store. */
  readonly diskCache?: DiskFrameCache | undefined;
  readonly compute: Compute;
  readonly metrics: MetricsRegistry;
}

/** Frames a read keeps alive whole: with ≤ 256 KiB each, 16 MiB. */
const VIEWED_FRAME_COUNT_MAX = 64;

type SegmentItem = FrameTake & { readonly source: SegmentFrame };
type InlineItem = FrameTake & { readonly source: InlineFrameSource };
type FrameOrigin = FrameContext & { readonly objectName: string };
type Load = () => Promise<void>;

export class FrameLoader {
  readonly #store: ObjectStore;
  readonly #cache: FrameCache;
  readonly #diskCache: DiskFrameCache | undefined;
  readonly #compute: Compute;
  readonly #frames = new Coalescer<string, DecodedFrame>();
  readonly #ranges = new Coalescer<string, Uint8Array>();
  readonly #logs = new Coalescer<string, readonly Frame[]>();
  readonly #requests = new KeyedLimiter<"request">(REQUEST_CONCURRENCY);
  readonly #decodings = new KeyedLimiter<"decode">(DECODE_CONCURRENCY);
  readonly #found: ReadTally;

  constructor(options: FrameLoaderOptions) {
    this.#store = options.store;
    this.#cache = options.cache;
    this.#diskCache = options.diskCache;
    this.#compute = options.compute;
    this.#found = createReadTally(options.metrics, "frame");
    registerQueue(options.metrics, "frame_requests", () => ({
      activeCount: this.#requests.activeCount("request"),
      waitingCount: this.#requests.waitingCount("request"),
    }));
    registerQueue(options.metrics, "frame_decodings", () => ({
      activeCount: this.#decodings.activeCount("decode"),
      waitingCount: this.#decodings.waitingCount("decode"),
    }));
  }

  /** Whether a frame is in memory or on the local disk: no request is needed for it. */
  isHeld(key: string): boolean {
    return this.#cache.has(key) || this.#diskCache?.has(key) === true;
  }

  /**
   * The pages of all takes, by index. Not to be written to.
   *
   * @throws GraftError `corrupt` when stored bytes are not what the commit names, or are gone
   */
  async load(
    takes: readonly FrameTake[],
    pageSize: PageSize,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, Uint8Array>> {
    const frames = mergeFrameTakes(takes);
    const pages = new PageCollector(frames.length > VIEWED_FRAME_COUNT_MAX);
    const segments: SegmentItem[] = [];
    const loads: Load[] = [];
    for (const take of frames) {
      const { source } = take;
      const cached = this.#cache.get(take.key);
      if (cached !== undefined) {
        this.#found("memory");
        this.#diskCache?.touch(take.key);
        pages.collect(cached, take.pages);
      } else if (source.kind === "inline") {
        loads.push(() => this.#loadInline({ ...take, source }, pageSize, pages, signal));
      } else if (this.#diskCache?.has(take.key) === true) {
        loads.push(() => this.#loadAlone({ ...take, source }, pageSize, pages, signal));
      } else segments.push({ ...take, source });
    }
    for (const group of groupRanges(segments)) {
      loads.push(() => this.#loadGroup(group, pageSize, pages, signal));
    }
    const options = { concurrency: CALL_RANGE_CONCURRENCY, signal };
    if (loads.length > 0) await mapConcurrent(loads, options, (load) => load());
    return pages.pages;
  }

  async #loadGroup(
    group: RangeGroup<SegmentItem>,
    pageSize: PageSize,
    pages: PageCollector,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const load = async (item: SegmentItem): Promise<void> => {
      const fetch = (flight: AbortSignal): Promise<DecodedFrame> =>
        this.#fetchFromSegment(group, item, pageSize, flight);
      pages.collect(await this.#once(item.key, fetch, signal), item.pages);
    };
    await settleAll(group.items.map(load));
  }

  /** From disk; what the disk lost since, from the store. */
  async #loadAlone(
    item: SegmentItem,
    pageSize: PageSize,
    pages: PageCollector,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { volumeId, objectKey: objectName, ref, entry } = item.source;
    const group = { objectKey: objectName, range: frameRange(entry), items: [item] };
    const fetch = async (flight: AbortSignal): Promise<DecodedFrame> => {
      const frame = { pageSet: framePageSet(ref, entry), hash: entry.hash };
      const found = await this.#readDisk(item.key, frame, { volumeId, pageSize, objectName });
      return found ?? (await this.#fetchFromSegment(group, item, pageSize, flight));
    };
    pages.collect(await this.#once(item.key, fetch, signal), item.pages);
  }

  /** The frame from disk; undefined, and dropped there, when it is not what the commit names. */
  async #readDisk(
    key: string,
    frame: Pick<Frame, "pageSet" | "hash">,
    context: FrameOrigin,
  ): Promise<DecodedFrame | undefined> {
    const stored = await this.#diskCache?.get(key);
    if (stored === undefined) return undefined;
    try {
      const decoded = await this.#decode({ ...frame, ...stored }, context);
      this.#found("disk");
      return decoded;
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      this.#diskCache?.drop(key);
      return undefined;
    }
  }

  async #loadInline(
    item: InlineItem,
    pageSize: PageSize,
    pages: PageCollector,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const fetch = async (flight: AbortSignal): Promise<DecodedFrame> => {
      const { volumeId, lsn, frame } = item.source;
      const context = { volumeId, pageSize, objectName: logKey(volumeId, lsn) };
      if (hasFrameData(frame)) {
        this.#found("memory");
        return await this.#decode(frame, context);
      }
      const isOnDisk = this.#diskCache?.has(item.key) === true;
      const found = isOnDisk ? await this.#readDisk(item.key, frame, context) : undefined;
      if (found !== undefined) return found;
      const fetched = await this.#inlineFrame(item.source, flight);
      return await this.#decodeFetched(item.key, fetched, context);
    };
    pages.collect(await this.#once(item.key, fetch, signal), item.pages);
  }

  /** One flight for a frame, whoever waits for it; what landed is remembered. */
  async #once(
    key: string,
    fetch: (flight: AbortSignal) => Promise<DecodedFrame>,
    signal: AbortSignal | undefined,
  ): Promise<DecodedFrame> {
    const start = async (flight: AbortSignal): Promise<DecodedFrame> => {
      // Another flight may have landed since the caller looked.
      const cached = this.#cache.get(key);
      if (cached !== undefined) return cached;
      const frame = await fetch(flight);
      this.#cache.set(key, frame);
      return frame;
    };
    return await this.#frames.run(key, start, signal);
  }

  async #fetchFromSegment(
    group: RangeGroup<SegmentItem>,
    item: SegmentItem,
    pageSize: PageSize,
    flight: AbortSignal,
  ): Promise<DecodedFrame> {
    const { volumeId, objectKey, ref, entry } = item.source;
    const context = { volumeId, pageSize, objectName: objectKey };
    const start = entry.offset - group.range.offset;
    try {
      const bytes = await this.#getRange(objectKey, group.range, flight);
      const data = bytes.subarray(start, start + entry.size);
      return await this.#decodeFetched(item.key, frameOf(ref, entry, data, objectKey), context);
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      // Bytes may also have suffered on their way: what is wrong twice is wrong in the store.
      const data = await this.#getRange(objectKey, frameRange(entry), flight);
      return await this.#decodeFetched(item.key, frameOf(ref, entry, data, objectKey), context);
    }
  }

  /** Decodes what the store gave, and leaves it to the disk once it is verified. */
  async #decodeFetched(key: string, frame: Frame, context: FrameOrigin): Promise<DecodedFrame> {
    const decoded = await this.#decode(frame, context);
    this.#found("object_store");
    this.#diskCache?.put(key, frame);
    return decoded;
  }

  async #decode(frame: Frame, context: FrameOrigin): Promise<DecodedFrame> {
    const decode = (): Promise<DecodedFrame> => decodeFrame(ownData(frame), context, this.#compute);
    return await this.#decodings.run("decode", decode);
  }

  async #getRange(objectKey: string, range: ByteRange, flight: AbortSignal): Promise<Uint8Array> {
    const key = `${objectKey}@${range.offset}+${range.size}`;
    const get = async (signal: AbortSignal): Promise<Uint8Array> => {
      const request = (): Promise<StoredObject | undefined> =>
        this.#store.get(objectKey, { range, signal });
      const object = await this.#requests.run("request", request, signal);
      if (object !== undefined) return object.bytes;
      throw missing(objectKey);
    };
    return await this.#ranges.run(key, get, flight);
  }

  /** The frame with its data, from the record in the store. */
  async #inlineFrame(source: InlineFrameSource, flight: AbortSignal): Promise<Frame> {
    const { volumeId, lsn, at, frame } = source;
    const objectKey = logKey(volumeId, lsn);
    const read = async (signal: AbortSignal): Promise<readonly Frame[]> => {
      const request = (): Promise<Uint8Array | undefined> =>
        readLogObject(this.#store, volumeId, lsn, signal);
      const bytes = await this.#requests.run("request", request, signal);
      if (bytes === undefined) throw missing(objectKey);
      const commit = decodeCatalogCommit(bytes, { volumeId, lsn }, this.#compute);
      return commit.record.inlineFrames.filter(hasFrameData);
    };
    const stored = (await this.#logs.run(objectKey, read, flight))[at];
    if (
      stored !== undefined &&
      frameKey(volumeId, stored.hash) === frameKey(volumeId, frame.hash)
    ) {
      return stored;
    }
    throw new GraftError("corrupt", `${objectKey} has changed: its inline frame ${at} is another`, {
      details: { object: objectKey },
    });
  }
}

/** Waits for all, also after a failure: nothing may write into a result that its caller gave up. */
async function settleAll(loads: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(loads);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/**
 * Raw pages are views of what was read: a range of many frames must not live on for one of them.
 */
function ownData(frame: Frame): Frame {
  return frame.codec === "raw" ? { ...frame, data: frame.data.slice() } : frame;
}

/**
 * Gathers the pages of a read. They are views of their frames, which is cheap, unless there are so
 * many frames that keeping all of each alive for a page or two would take more memory than the
 * cache answers for.
 */
class PageCollector {
  readonly pages: Map<number, Uint8Array> = new Map();
  readonly #copies: boolean;

  constructor(copies: boolean) {
    this.#copies = copies;
  }

  collect(frame: DecodedFrame, wanted: PageSet): void {
    const isAll = wanted.cardinality === frame.length;
    let found = 0;
    for (const page of frame) {
      if (!isAll && !wanted.contains(page.index)) continue;
      this.pages.set(page.index, this.#copies && !isAll ? page.data.slice() : page.data);
      found++;
    }
    invariant(found === wanted.cardinality, "a frame holds every page that is taken from it");
  }
}

function missing(objectKey: string): GraftError {
  return new GraftError("corrupt", `${objectKey} is missing, though a commit names it`, {
    details: { object: objectKey },
  });
}
