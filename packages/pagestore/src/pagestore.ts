/**
 * The PageStore's operations, in domain terms: read pages of a snapshot, stream them, write new
 * ones.
 */
import {
  type Clock,
  difference,
  GraftError,
  intersection,
  invariant,
  type Lsn,
  mapConcurrent,
  mapOrdered,
  orAborted,
  type Page,
  type PageSet,
  type PageSize,
  pageRange,
  pageSetOf,
  takeWholeTurn,
  toPageIndex,
  union,
  type VolumeId,
} from "@graft/core";
import {
  QUERY_PAGE_BUDGET_MAX,
  QUERY_TIME_BUDGET_DEFAULT_MS,
  QUERY_TIME_BUDGET_MAX_MS,
  type ReadPagesAnswer,
  type ReadPagesRequest,
  type SegmentInfo,
  type StreamPagesRequest,
  volumeTooLarge,
  type WritePagesRequest,
} from "@graft/rpc";
import type { CommitSource } from "./commit-source.ts";
import type { FooterLoader } from "./footer-loader.ts";
import type { FrameLoader } from "./frame-loader.ts";
import { type FrameTake, framesOf, framesOfSegment, namesFrames } from "./frame-take.ts";
import type { AskedSnapshot, FoundPages, PageFinder } from "./page-finder.ts";
import type { Prefetcher } from "./prefetch/prefetcher.ts";
import { addTouched } from "./query/add-touched.ts";
import type { QueryRun, QueryRunner, SnapshotPages } from "./query/query-runner.ts";
import { fitBudget, lowestOf } from "./read-budget.ts";
import { type PageTake, takesWithin } from "./read-plan.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import { SLICE_SPAN_MAX, type StreamSlice, streamSlices } from "./stream-slices.ts";
import type { VolumePageSizes } from "./volume-page-sizes.ts";

/** Indexes of a prefetch hint that are looked at: as many as a request may name. */
const PREFETCH_COUNT_MAX = 1024;
/** Page bytes of an answer whose encoding, which follows, takes some ms. */
const LARGE_ANSWER_SIZE: number = 1024 * 1024;
/** Footers read side by side for one call. */
const FOOTER_CONCURRENCY = 16;
/**
 * Page bytes of one answer of a stream: three frames of 4 KiB pages. With what is around them they
 * stay below 1 MiB, at which an encoder would take twice the memory.
 */
const STREAM_ANSWER_SIZE: number = 768 * 1024;
/**
 * Indexes that are planned at a time: some 16,384 frames of neighbouring pages, at ≈ 600 bytes each
 * 10 MiB, whatever the volume's size.
 */
const STREAM_PLAN_SPAN: number = 2 ** 20;
/** A request may name 2^32−1, which never exists. */
const INDEX_LAST = 0xffff_ffff;
const NO_PAGES: PageSet = pageRange(1, 0);
/** Time that a query may compute. Waiting for pages is not counted. */
const QUERY_COMPUTE_MAX_MS = 50;
/**
 * Each page that a query touches would cost its client a round trip: pages that were asked for wait
 * for it while it finds more. After so long without, they go alone.
 */
const QUERY_STALL_MS = 25;
/** Answers of a stream prepared ahead of its reader. */
const STREAM_CONCURRENCY = 4;

/** Pages that are all wanted, whatever they weigh. */
export interface AllPagesRequest {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  readonly pageSet: PageSet;
}

/** A request whose snapshot is known. */
type AskedPages = ReadPagesRequest & { readonly lsn: Lsn };

export interface PagestoreParts {
  readonly finder: PageFinder;
  readonly footers: FooterLoader;
  readonly frames: FrameLoader;
  readonly writer: SegmentWriter;
  readonly pageSizes: VolumePageSizes;
  readonly prefetcher: Prefetcher;
  readonly source: CommitSource;
  readonly clock: Clock;
  /** Bytes of pages that a volume may have; absent: what the format holds. */
  readonly volumeBytesMax?: number | undefined;
  /** Runs the queries of hints. Absent: none is run. */
  readonly queries?: QueryRunner | undefined;
}

export class Pagestore {
  readonly #finder: PageFinder;
  readonly #footers: FooterLoader;
  readonly #frames: FrameLoader;
  readonly #writer: SegmentWriter;
  readonly #pageSizes: VolumePageSizes;
  readonly #prefetcher: Prefetcher;
  readonly #source: CommitSource;
  readonly #clock: Clock;
  readonly #volumeBytesMax: number;
  readonly #queries: QueryRunner | undefined;

  constructor(parts: PagestoreParts) {
    this.#finder = parts.finder;
    this.#footers = parts.footers;
    this.#frames = parts.frames;
    this.#writer = parts.writer;
    this.#pageSizes = parts.pageSizes;
    this.#prefetcher = parts.prefetcher;
    this.#source = parts.source;
    this.#clock = parts.clock;
    this.#volumeBytesMax = parts.volumeBytesMax ?? Number.POSITIVE_INFINITY;
    this.#queries = parts.queries;
  }

  /**
   * Pages of a snapshot, as many as the budget allows; `covered` says what the answer settles. A
   * query that comes with the request runs while they are loaded; they wait for the pages that it
   * touches no longer than its time budget, and never fail because of it.
   *
   * @param token the caller's, presented where commits are learnt of
   * @throws GraftError `not-found` when the volume has no commit at the LSN; `corrupt`,
   *   `unavailable`
   */
  async readPages(
    request: ReadPagesRequest,
    signal?: AbortSignal,
    token?: string,
  ): Promise<ReadPagesAnswer> {
    const lsn = request.lsn ?? (await this.newestLsn(request.volumeId, signal, token));
    const asked = { ...request, lsn };
    const run = this.#startRun(asked, token);
    const answer = await this.#readAsked(asked, run, signal, token);
    return request.lsn === undefined ? { ...answer, lsn } : answer;
  }

  /** With what its query touches, when that is run. */
  async #readAsked(
    request: AskedPages,
    run: QueryRun | undefined,
    signal: AbortSignal | undefined,
    token: string | undefined,
  ): Promise<ReadPagesAnswer> {
    if (run === undefined) return await this.#readWanted(request, signal, token);
    try {
      const answer = await this.#readWanted(request, signal, token);
      const budgetMs = request.query?.timeBudgetMs ?? QUERY_TIME_BUDGET_DEFAULT_MS;
      const mostMs = Math.min(budgetMs, QUERY_TIME_BUDGET_MAX_MS);
      await orAborted(run.within(mostMs, QUERY_STALL_MS), signal);
      return await this.#addTouched(answer, request, run, signal);
    } finally {
      run.stop();
    }
  }

  async #readWanted(
    request: AskedPages,
    signal: AbortSignal | undefined,
    token: string | undefined,
  ): Promise<ReadPagesAnswer> {
    const { volumeId, lsn, pageSet: wanted, byteBudget } = request;
    const hint = request.prefetch;
    const prefetch = hint === undefined ? undefined : lowestOf(hint, PREFETCH_COUNT_MAX);
    const all = prefetch === undefined ? wanted : union(wanted, prefetch);
    const snapshot = { volumeId, lsn, token };
    const found = await this.#finder.find(snapshot, () => all, signal);
    const { absent, pageSize } = found;
    const { load, covered } = fitBudget({ wanted, prefetch, absent, pageSize, byteBudget });
    const pages = await this.#load(found, load, signal);
    if (pages.length * pageSize >= LARGE_ANSWER_SIZE) await takeWholeTurn(this.#clock, signal);
    const [first] = pages;
    const { openBundle } = request;
    // Who opens a database will query it.
    if (openBundle !== undefined) void this.#queries?.warm();
    if (openBundle === undefined || first?.index !== 1 || wanted.cardinality !== 1) {
      return { pages, covered };
    }
    const bundle = await this.#prefetcher.openBundle(snapshot, first.data, openBundle, signal);
    const { packed } = bundle;
    return { pages, covered: union(covered, bundle.pages), packed };
  }

  /**
   * The LSN of the newest snapshot.
   *
   * @throws GraftError `not-found` when the volume has no commit; what the MetaStore throws
   */
  async newestLsn(volumeId: VolumeId, signal?: AbortSignal, token?: string): Promise<Lsn> {
    return await this.#source.newest(volumeId, signal, token);
  }

  #startRun(
    { volumeId, lsn, byteBudget, query }: AskedPages,
    token: string | undefined,
  ): QueryRun | undefined {
    if (query === undefined) return undefined;
    const { statements, timeBudgetMs = QUERY_TIME_BUDGET_DEFAULT_MS } = query;
    return this.#queries?.start({
      statements,
      open: (signal) => this.#openSnapshot({ volumeId, lsn, token }, signal),
      timeMs: Math.min(timeBudgetMs, QUERY_COMPUTE_MAX_MS),
      pageCountMax: Math.min(query.pageBudget ?? QUERY_PAGE_BUDGET_MAX, QUERY_PAGE_BUDGET_MAX),
      byteCountMax: byteBudget,
    });
  }

  /** The snapshot's pages one by one, with the rights of whoever asked. */
  async #openSnapshot(asked: AskedSnapshot, signal: AbortSignal): Promise<SnapshotPages> {
    const { pageSize, pageCount } = await this.#finder.find(asked, () => NO_PAGES, signal);
    const read = async (index: number, each: AbortSignal): Promise<Uint8Array | undefined> => {
      const one = pageRange(index, index);
      const found = await this.#finder.find(asked, () => one, each);
      const kept = this.#prefetcher.keptPage(found.takes, index);
      if (kept !== undefined) return kept;
      const [page] = await this.#load(found, difference(one, found.absent), each);
      // A view would keep its whole frame in memory for one page.
      const data = page?.data.slice();
      if (data !== undefined) this.#prefetcher.keepPage(found.takes, index, data);
      return data;
    };
    return { pageSize, pageCount, read };
  }

  async #addTouched(
    answer: ReadPagesAnswer,
    { pageSet: wanted, byteBudget, query }: AskedPages,
    run: QueryRun,
    signal: AbortSignal | undefined,
  ): Promise<ReadPagesAnswer> {
    const pageSize = run.pageSize;
    if (pageSize === undefined) return { ...answer, queryEnd: run.end ?? "stopped" };
    const pageCountMax = Math.max(1, Math.floor(byteBudget / pageSize));
    // What came in packages is not sent again.
    const packed = difference(answer.covered, pageSetOf(answer.pages.map(({ index }) => index)));
    const held = union(query?.held ?? NO_PAGES, packed);
    const grown = addTouched(answer, { wanted, held, run, pageCountMax });
    if (grown.pages.length * pageSize >= LARGE_ANSWER_SIZE)
      await takeWholeTurn(this.#clock, signal);
    return grown;
  }

  /**
   * All pages of the request, whatever they weigh, for clients that know no `covered` (v0.1).
   *
   * @throws GraftError `invalid-argument` for a volume of another page size; else as `readPages`
   */
  async readAllPages(
    request: AllPagesRequest,
    pageSize: PageSize,
    signal?: AbortSignal,
    token?: string,
  ): Promise<readonly Page[]> {
    const { volumeId, lsn, pageSet } = request;
    const found = await this.#finder.find({ volumeId, lsn, token }, () => pageSet, signal);
    if (found.pageSize !== pageSize) {
      const sizes = `pages of ${found.pageSize} bytes, this route serves pages of ${pageSize}`;
      throw new GraftError("invalid-argument", `volume ${volumeId} has ${sizes}: use ReadPages`);
    }
    return await this.#load(found, difference(pageSet, found.absent), signal);
  }

  /**
   * All pages of a set, ascending, in answers of ≤ 768 KiB. The answers' `covered` ascend, share no
   * index and are the request together. Each answer is planned anew, so that nothing is held
   * between them but the set.
   *
   * @throws GraftError as `readPages`
   */
  async *streamPages(
    request: StreamPagesRequest,
    signal?: AbortSignal,
    token?: string,
  ): AsyncIterable<ReadPagesAnswer> {
    const { volumeId, lsn } = request;
    const snapshot = { volumeId, lsn, token };
    const { pageSize, pageCount } = await this.#finder.find(snapshot, () => NO_PAGES, signal);
    const wanted = request.pageSet ?? pageRange(1, pageCount);
    const countMax = STREAM_ANSWER_SIZE / pageSize;
    const slices = this.#slices(snapshot, wanted, countMax, signal);
    const options = { concurrency: STREAM_CONCURRENCY, signal };
    yield* mapOrdered(slices, options, async ({ covered, load }, _, slice) => {
      const planned = await this.#finder.find(snapshot, () => load, slice);
      return { pages: await this.#load(planned, load, slice), covered };
    });
  }

  /** What each answer of a stream settles, window by window: no plan is of more than one. */
  async *#slices(
    snapshot: AskedSnapshot,
    wanted: PageSet,
    countMax: number,
    signal: AbortSignal | undefined,
  ): AsyncIterable<StreamSlice> {
    let span = STREAM_PLAN_SPAN;
    for (let start = wanted.first; start !== undefined; ) {
      const end = Math.min(start + span - 1, INDEX_LAST);
      const part = intersection(wanted, pageRange(start, end));
      const { absent } = await this.#finder.find(snapshot, () => part, signal);
      const existing = difference(part, absent);
      yield* streamSlices(part, existing, countMax);
      // Where nothing is, nothing is planned either: larger steps make fewer answers.
      span = existing.isEmpty ? Math.min(2 * span, SLICE_SPAN_MAX) : STREAM_PLAN_SPAN;
      start = end === INDEX_LAST ? undefined : wanted.firstFrom(end + 1);
    }
  }

  /**
   * Stores pages as segments; nobody reads them until a commit names them.
   *
   * @throws GraftError `invalid-argument` when the volume has pages of another size;
   *   `resource-exhausted` for a page beyond what a volume may have
   */
  async writePages(
    request: WritePagesRequest,
    signal?: AbortSignal,
  ): Promise<readonly SegmentInfo[]> {
    const { volumeId, pageSize, pages } = request;
    if (pages.length === 0) return [];
    // A page's index counts from 1: it is how many pages there are up to it.
    const sizeBytes = pages.reduce((most, { index }) => Math.max(most, index), 0) * pageSize;
    const limitBytes = this.#volumeBytesMax;
    if (sizeBytes > limitBytes) throw volumeTooLarge({ volumeId, sizeBytes, limitBytes });
    await this.#pageSizes.check(volumeId, pageSize, signal);
    return await this.#writer.write(volumeId, pageSize, pages, signal);
  }

  /** The pages of a plan, ascending. `wanted` are such that exist. */
  async #load(
    found: FoundPages,
    wanted: PageSet,
    signal: AbortSignal | undefined,
  ): Promise<readonly Page[]> {
    if (wanted.isEmpty) return [];
    const takes = await this.#frameTakes(takesWithin(found.takes, wanted), found.pageSize, signal);
    const data = await this.#frames.load(takes, found.pageSize, signal);
    const pages: Page[] = [];
    for (const index of wanted) {
      const page = data.get(index);
      invariant(page !== undefined, "every page of a plan is in one of its frames");
      pages.push({ index: toPageIndex(index), data: page });
    }
    return pages;
  }

  async #frameTakes(
    takes: readonly PageTake[],
    pageSize: PageSize,
    signal: AbortSignal | undefined,
  ): Promise<readonly FrameTake[]> {
    // Most commits name their frames: then nothing has to be waited for.
    if (takes.every(namesFrames)) return takes.flatMap(framesOf);
    const options = { concurrency: FOOTER_CONCURRENCY, signal };
    const frames = await mapConcurrent(takes, options, async (take, _, each) => {
      if (namesFrames(take)) return framesOf(take);
      invariant(take.kind === "segment", "other frames are named where they were found");
      return framesOfSegment(take, await this.#footers.load(take, pageSize, each));
    });
    return frames.flat();
  }
}
