/**
 * Pages that a reader will want, found by what its database is. All of it is a gift: what goes
 * wrong here, or takes too long, makes an answer smaller and never fails it.
 */
import { SizedCache } from "@graft/catalog";
import {
  type Clock,
  type Compute,
  isGraftError,
  MutablePageSet,
  type Page,
  type PageSet,
  type PageSize,
  READ_PAGES_COUNT_MAX,
  toPageSize,
} from "@graft/core";
import { packPages } from "@graft/format";
import type { FrameLoader } from "../frame-loader.ts";
import { type FrameTake, framesOf, namesFrames } from "../frame-take.ts";
import type { AskedSnapshot, PageFinder } from "../page-finder.ts";
import type { PageTake } from "../read-plan.ts";
import { walkOpenBundle } from "./open-bundle.ts";
import { readTreePage } from "./sqlite-page.ts";

/** Bytes on the wire of one bundle at most, whatever is asked for. */
export const OPEN_BUNDLE_SIZE_MAX: number = 256 * 1024;
/** Page bytes of one bundle at most: with 3 MiB of pages asked for it stays below 8 MiB. */
const BUNDLE_PAGES_SIZE_MAX: number = 4 * 1024 * 1024;
/** Pages that are packed and weighed together: some ms of work. */
const PACKAGE_PAGE_COUNT = 8;
/**
 * Frames that one bundle may fetch from the object store: with them the first query of a database
 * that nobody has read stays within its 12 requests. The next bundle finds them here.
 */
const COLD_FRAME_COUNT_MAX = 4;
/** After so long nothing more is fetched. ms */
const COLD_TIME_MAX_MS = 250;
/** Bundles that are kept. */
const BUNDLES_SIZE_MAX: number = 4 * 1024 * 1024;
/** Interior pages that are kept: those of a database of some 16 GB, or of many small ones. */
const TREE_PAGES_SIZE_MAX: number = 12 * 1024 * 1024;

/** Pages in packages for the wire. */
export interface Bundle {
  /** See `packPages`. */
  readonly packed: readonly Uint8Array[];
  readonly pages: PageSet;
}

const NO_BUNDLE: Bundle = { packed: [], pages: new MutablePageSet() };

export interface PrefetcherParts {
  readonly finder: PageFinder;
  readonly frames: FrameLoader;
  readonly compute: Compute;
  readonly clock: Clock;
}

export class Prefetcher {
  readonly #parts: PrefetcherParts;
  readonly #bundles = new SizedCache<string, Bundle>(BUNDLES_SIZE_MAX);
  /**
   * Interior pages by the content of their frame: they stay, whatever a scan does to the frames.
   */
  readonly #treePages = new SizedCache<string, Uint8Array>(TREE_PAGES_SIZE_MAX);

  constructor(parts: PrefetcherParts) {
    this.#parts = parts;
  }

  /**
   * The upper levels of a SQLite database's trees, as many as fit; empty for what is none. The
   * caller was let in already.
   *
   * @param sizeMax bytes once they are compressed
   */
  async openBundle(
    snapshot: AskedSnapshot,
    pageOne: Uint8Array,
    sizeMax: number,
    signal: AbortSignal | undefined,
  ): Promise<Bundle> {
    const key = `${snapshot.volumeId}@${snapshot.lsn}/${sizeMax}`;
    const known = this.#bundles.get(key);
    if (known !== undefined) return known;
    if (sizeMax === 0) return NO_BUNDLE;
    const { compute } = this.#parts;
    const pageSize = toPageSize(pageOne.length);
    const bundle = new BundleBuilder(compute, pageSize, Math.min(sizeMax, OPEN_BUNDLE_SIZE_MAX));
    const source = new PageSource(this.#parts, this.#treePages, snapshot, signal);
    let isWhole = true;
    try {
      const { pageCount } = await source.find(new MutablePageSet());
      await walkOpenBundle({
        pageOne,
        pageCount,
        read: (indexes) => source.read(indexes),
        take: (pages) => bundle.take(pages),
      });
    } catch (error) {
      signal?.throwIfAborted();
      if (!isGraftError(error)) throw error;
      isWhole = false;
    }
    if (isWhole && source.isWhole) this.#bundles.set(key, bundle, bundle.heldSize);
    return bundle;
  }

  /** An interior page that is kept, by the plan for it alone. Not to be written to. */
  keptPage(takes: readonly PageTake[], index: number): Uint8Array | undefined {
    const key = treePageKey(takes, index);
    return key === undefined ? undefined : this.#treePages.get(key);
  }

  /** Keeps a page when it is an interior one. @param data nobody else's */
  keepPage(takes: readonly PageTake[], index: number, data: Uint8Array): void {
    if (readTreePage(data, index)?.isLeaf !== false) return;
    const key = treePageKey(takes, index);
    if (key !== undefined) this.#treePages.set(key, data, data.length);
  }
}

/** Undefined when the plan does not name its frame. */
function treePageKey([take]: readonly PageTake[], index: number): string | undefined {
  if (take === undefined || !namesFrames(take)) return undefined;
  const [frame] = framesOf(take);
  return frame && `${frame.key}#${index}`;
}

/** Pages of one snapshot: those that are here, and a few that are not. */
class PageSource {
  /** Whether nothing was left out. */
  isWhole = true;
  readonly #parts: PrefetcherParts;
  readonly #treePages: SizedCache<string, Uint8Array>;
  readonly #snapshot: AskedSnapshot;
  readonly #signal: AbortSignal | undefined;
  readonly #startMs: number;
  #coldLeft: number = COLD_FRAME_COUNT_MAX;

  constructor(
    parts: PrefetcherParts,
    treePages: SizedCache<string, Uint8Array>,
    snapshot: AskedSnapshot,
    signal: AbortSignal | undefined,
  ) {
    this.#parts = parts;
    this.#treePages = treePages;
    this.#snapshot = snapshot;
    this.#signal = signal;
    this.#startMs = parts.clock.monotonicMs();
  }

  find(pages: PageSet): ReturnType<PageFinder["find"]> {
    return this.#parts.finder.find(this.#snapshot, () => pages, this.#signal);
  }

  async read(indexes: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    const found = await this.find(MutablePageSet.from(indexes.slice(0, READ_PAGES_COUNT_MAX)));
    const pages = new Map<number, Uint8Array>();
    const loads: FrameTake[] = [];
    for (const take of found.takes) {
      // The footer of a segment is not read for a gift.
      if (!namesFrames(take)) this.isWhole = false;
      else for (const frame of framesOf(take)) this.#choose(frame, pages, loads);
    }
    if (loads.length === 0) return pages;
    const loaded = await this.#parts.frames.load(loads, found.pageSize, this.#signal);
    for (const { key, pages: taken } of loads) {
      for (const index of taken) {
        const data = loaded.get(index);
        if (data === undefined) continue;
        pages.set(index, data);
        this.#keep(key, index, data);
      }
    }
    return pages;
  }

  /** Takes the pages of a frame from what is kept, or decides whether it is loaded. */
  #choose(frame: FrameTake, pages: Map<number, Uint8Array>, loads: FrameTake[]): void {
    const kept = [...frame.pages].map((index) => {
      return { index, data: this.#treePages.get(`${frame.key}#${index}`) };
    });
    if (kept.every(({ data }) => data !== undefined)) {
      for (const { index, data } of kept) if (data !== undefined) pages.set(index, data);
      return;
    }
    if (!this.#parts.frames.isHeld(frame.key)) {
      const isLate = this.#parts.clock.monotonicMs() - this.#startMs > COLD_TIME_MAX_MS;
      if (this.#coldLeft === 0 || isLate) {
        this.isWhole = false;
        return;
      }
      this.#coldLeft--;
    }
    loads.push(frame);
  }

  #keep(key: string, index: number, data: Uint8Array): void {
    if (readTreePage(data, index)?.isLeaf !== false) return;
    // A copy: a view would keep its whole frame alive.
    this.#treePages.set(`${key}#${index}`, data.slice(), data.length);
  }
}

/** Takes pages until they weigh too much. */
class BundleBuilder implements Bundle {
  readonly packed: Uint8Array[] = [];
  readonly pages: MutablePageSet = new MutablePageSet();
  readonly #compute: Compute;
  readonly #pageSize: PageSize;
  #sizeLeft: number;
  #heldSize = 0;

  constructor(compute: Compute, pageSize: PageSize, sizeMax: number) {
    this.#compute = compute;
    this.#pageSize = pageSize;
    this.#sizeLeft = sizeMax;
  }

  /** Bytes of memory. */
  get heldSize(): number {
    return this.#heldSize;
  }

  /** False once no page fits any more. */
  async take(pages: readonly Page[]): Promise<boolean> {
    for (let at = 0; at < pages.length; ) {
      const taken = await this.#takePackage(pages.slice(at, at + PACKAGE_PAGE_COUNT));
      if (taken === 0) return false;
      at += taken;
    }
    return true;
  }

  /** As many of the pages as fit, in one package; how many. */
  async #takePackage(pages: readonly Page[]): Promise<number> {
    const countMax = Math.floor(BUNDLE_PAGES_SIZE_MAX / this.#pageSize) - this.pages.cardinality;
    for (let count = Math.min(pages.length, countMax); count > 0; count >>= 1) {
      const ascending = pages.slice(0, count).sort((a, b) => a.index - b.index);
      const bytes = packPages(ascending, this.#pageSize);
      const { length: size } = await this.#compute.compress(bytes);
      if (size > this.#sizeLeft) continue;
      this.#sizeLeft -= size;
      this.#heldSize += bytes.length;
      this.packed.push(bytes);
      for (const { index } of ascending) this.pages.insert(index);
      return count;
    }
    return 0;
  }
}
