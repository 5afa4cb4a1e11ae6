/**
 * Brings absent pages of pinned snapshots into the local store. One page is never asked for twice
 * at once: a fetch joins the flights that carry its pages and starts one for the rest. A flight is
 * aborted when everybody who waited for it has gone.
 */
import {
  difference,
  type GraftError,
  intersection,
  intersects,
  type Lsn,
  MutablePageSet,
  type PageIndex,
  type PageSet,
  pageRange,
  READ_PAGES_COUNT_MAX,
  toPageIndex,
  union,
  type VolumeId,
} from "@graft/core";
import { splitPageSet } from "./page-set-parts.ts";
import type { ExpectedBundle, Prefetching } from "./prefetch/ask-for-bundle.ts";
import type { FetchAllowance, FetchNeed } from "./prefetch/fetch-allowance.ts";
import { KeyOrder } from "./prefetch/key-order.ts";
import { QuerySharing } from "./prefetch/query-sharing.ts";
import { type Ahead, NOTHING_AHEAD, ReadAhead } from "./prefetch/read-ahead.ts";
import { raceAbort } from "./race-abort.ts";
import type { BundledPages, CoveredPages, Remote } from "./remote/remote.ts";
import type { LocalStore, Pin, RemotePoint } from "./store/local-store.ts";

const NO_PAGES: PageSet = pageRange(1, 0);
/** Requests one fetch keeps under way at once. */
const REQUESTS_IN_FLIGHT_MAX = 4;

export interface PageFetcherMeans {
  readonly volumeId: VolumeId;
  readonly store: LocalStore;
  readonly remote: Remote;
  /** What may come along with a read. Absent: nothing. */
  readonly prefetch?: Prefetching | undefined;
}

interface Flight {
  readonly lsn: Lsn;
  readonly pages: PageSet;
  readonly done: Promise<void>;
  readonly abort: AbortController;
  waiters: number;
}

/** What may come with pages that are asked for. */
interface Along {
  readonly ahead: PageSet;
  readonly need: FetchNeed;
}

export class PageFetcher {
  /** Tell with `reached` when this page is read; 0: none. */
  trigger = 0;
  readonly #means: PageFetcherMeans;
  readonly #flights = new Set<Flight>();
  readonly #closing = new AbortController();
  readonly #order = new KeyOrder();
  readonly #sharing: QuerySharing;
  #readAhead: ReadAhead | undefined;
  #hasAskedForBundle = false;

  constructor(means: PageFetcherMeans) {
    this.#means = means;
    this.#sharing = new QuerySharing(means.prefetch?.budget.queryBytes ?? 0);
    const expected = means.prefetch?.expected;
    if (expected === undefined) return;
    this.#hasAskedForBundle = true;
    this.#expect(expected);
  }

  /**
   * Returns when `store.absent(pin, pages)` is empty. The pin must stay open until then.
   *
   * @throws GraftError what the remote said; `resource-exhausted` when more is needed than may be
   *   fetched; AbortError
   */
  async fetch(pin: Pin, pages: PageSet, signal?: AbortSignal, need: FetchNeed = {}): Promise<void> {
    let ahead: Ahead | undefined;
    for (;;) {
      signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      const missing = this.#means.store.absent(pin, pages);
      const point = pin.remote;
      if (missing.isEmpty || point === undefined) return;
      ahead ??= this.#aheadOf(pages, point, need.allowance);
      const joined = this.#flightsFor(pin, point, missing, ahead.front, need);
      this.#startAside(point, ahead.back);
      await Promise.all(joined.map((flight) => this.#wait(flight, signal)));
      ahead = NOTHING_AHEAD;
      // NOTE: asked again from the start: a flight of another snapshot may have settled only part
      // of it.
    }
  }

  /** The page that `trigger` names was read: what comes after what is on its way is asked for. */
  reached(pin: Pin, index: PageIndex): void {
    const point = pin.remote;
    if (point === undefined || this.#readAhead === undefined) return;
    const { back } = this.#readAhead.reached(index);
    this.trigger = this.#readAhead.trigger;
    this.#startAside(point, back);
  }

  /** Ends all requests: what waits for them fails, and nothing is put into the store any more. */
  close(reason: GraftError): void {
    this.#closing.abort(reason);
    for (const flight of this.#flights) flight.abort.abort(reason);
  }

  /**
   * Page 1 of the snapshot, and more, was asked for already: who wants it waits for that. What
   * comes of another snapshot, or not at all, is asked for as any other page.
   */
  #expect({ lsn, arriving, abort }: ExpectedBundle): void {
    this.#launch(lsn, pageRange(1, 1), abort, async () => {
      await this.#keepBundle(lsn, arriving);
    });
  }

  /** Who misses one page may be reading in order. */
  #aheadOf(pages: PageSet, point: RemotePoint, allowance: FetchAllowance | undefined): Ahead {
    const [page] = pages;
    const bytes = this.#means.prefetch?.budget.readAheadBytes ?? 0;
    const windowMax = Math.min(Math.floor(bytes / point.pageSize), READ_PAGES_COUNT_MAX / 2);
    if (page === undefined || pages.cardinality !== 1 || windowMax === 0) return NOTHING_AHEAD;
    this.#readAhead ??= new ReadAhead(this.#order, windowMax);
    const ahead = this.#readAhead.missed(page);
    if (allowance !== undefined) {
      // Nothing comes later that nobody answers for.
      const count = Math.max(0, Math.floor(allowance.bytesLeft / point.pageSize) - 1);
      return { front: [...ahead.front, ...ahead.back].slice(0, count), back: [] };
    }
    this.trigger = this.#readAhead.trigger;
    return ahead;
  }

  /** Asks for pages that nobody waits for. What fails is asked for again by who wants it. */
  #startAside(point: RemotePoint, indexes: readonly number[]): void {
    if (indexes.length === 0 || this.#flights.size >= REQUESTS_IN_FLIGHT_MAX) return;
    const { volumeId, store, remote } = this.#means;
    const pin = store.pin();
    const isSame = pin.remote?.lsn === point.lsn;
    const pages = isSame ? this.#unasked(pin, point, indexes) : NO_PAGES;
    pin.close();
    if (pages.isEmpty) return;
    const { lsn, pageSize } = point;
    const abort = new AbortController();
    this.#launch(lsn, pages, abort, async () => {
      const asked = remote.readPages({ volumeId, lsn, pageSize, pages }, abort.signal);
      const answer = await asked.catch(() => undefined);
      if (answer !== undefined) this.#keepGift(lsn, answer);
    });
  }

  /** Those that are neither here nor on their way. */
  #unasked(pin: Pin, point: RemotePoint, indexes: readonly number[]): PageSet {
    if (indexes.length === 0) return NO_PAGES;
    const existing = indexes.filter((index) => index >= 1 && index <= pin.pageCount);
    let rest = this.#means.store.absent(pin, MutablePageSet.from(existing));
    for (const flight of this.#flights) {
      if (flight.lsn === point.lsn) rest = difference(rest, flight.pages);
    }
    return rest;
  }

  #flightsFor(
    pin: Pin,
    point: RemotePoint,
    missing: PageSet,
    ahead: readonly number[],
    need: FetchNeed,
  ): readonly Flight[] {
    const joined: Flight[] = [];
    let rest = missing;
    for (const flight of this.#flights) {
      if (flight.lsn !== point.lsn || !intersects(flight.pages, rest)) continue;
      // Who waits for a page has asked for it, whoever sent the request.
      need.allowance?.take(intersection(flight.pages, rest).cardinality * point.pageSize);
      joined.push(flight);
      rest = difference(rest, flight.pages);
    }
    for (const part of splitPageSet(rest, READ_PAGES_COUNT_MAX)) {
      if (joined.length >= REQUESTS_IN_FLIGHT_MAX) break;
      need.allowance?.take(part.cardinality * point.pageSize);
      const extra = this.#unasked(pin, point, ahead);
      need.allowance?.spend(extra.cardinality * point.pageSize);
      joined.push(this.#start(pin, point, part, { ahead: extra, need }));
    }
    return joined;
  }

  #start(pin: Pin, point: RemotePoint, pages: PageSet, along: Along): Flight {
    const abort = new AbortController();
    return this.#launch(point.lsn, union(pages, along.ahead), abort, async () => {
      if (this.#asksForBundle(pages)) await this.#requestBundle(point, abort.signal);
      const rest = this.#means.store.absent(pin, pages);
      await this.#request(pin, point, rest, along, abort.signal);
    });
  }

  #launch(lsn: Lsn, pages: PageSet, abort: AbortController, run: () => Promise<void>): Flight {
    const flight: Flight = {
      lsn,
      pages,
      abort,
      waiters: 0,
      done: run().finally(() => {
        this.#flights.delete(flight);
      }),
    };
    // A flight whose waiters have all gone may still fail: nobody is left to hear of it.
    flight.done.catch(() => undefined);
    this.#flights.add(flight);
    return flight;
  }

  async #request(
    pin: Pin,
    point: RemotePoint,
    pages: PageSet,
    { ahead, need }: Along,
    signal: AbortSignal,
  ): Promise<void> {
    const { volumeId, remote, store } = this.#means;
    const hint = ahead.isEmpty ? {} : { prefetch: ahead };
    const { pageSize } = point;
    const { statement, allowance } = need;
    let rest = pages;
    while (!rest.isEmpty) {
      const bytesMax = allowance?.bytesLeft;
      const query = statement && this.#sharing.take(statement, { store, pin, pageSize, bytesMax });
      const request = { volumeId, lsn: point.lsn, pageSize, pages: rest, query };
      const answer = await remote.readPages({ ...request, ...hint }, signal);
      signal.throwIfAborted();
      keepCovered(store, pin, union(rest, ahead), answer);
      if (statement !== undefined && query !== undefined) {
        const count = keepGiven(store, pin, answer, union(rest, ahead));
        allowance?.spend(count * pageSize);
        this.#sharing.learn(statement, answer.queryEnd, count);
      }
      this.#learn(answer);
      rest = difference(rest, answer.covered);
    }
  }

  #learn({ pages }: CoveredPages): void {
    if (this.#means.prefetch === undefined) return;
    for (const { index, data } of pages) this.#order.learn(index, data);
  }

  /** Of a replica that has nothing, page 1 is asked for with what belongs to it: once. */
  #asksForBundle(pages: PageSet): boolean {
    const { store, remote, prefetch } = this.#means;
    if (prefetch === undefined || remote.readBundle === undefined) return false;
    if (this.#hasAskedForBundle) return false;
    return pages.cardinality === 1 && pages.contains(1) && store.usage().pages === 0;
  }

  async #requestBundle({ lsn }: RemotePoint, signal: AbortSignal): Promise<void> {
    const { volumeId, remote, prefetch } = this.#means;
    this.#hasAskedForBundle = true;
    const sizeMax = prefetch?.budget.takeOpenBytes() ?? 0;
    if (sizeMax === 0 || remote.readBundle === undefined) return;
    await this.#keepBundle(lsn, remote.readBundle({ volumeId, lsn, sizeMax }, signal));
    signal.throwIfAborted();
  }

  /** A bundle that fails is none: the pages are asked for as usual. */
  async #keepBundle(lsn: Lsn, arriving: Promise<BundledPages>): Promise<void> {
    const bundle = await arriving.catch(() => undefined);
    if (bundle?.lsn === lsn) this.#keepGift(lsn, bundle);
  }

  /** Puts what nobody waits for into the store, if that is still of this snapshot. */
  #keepGift(lsn: Lsn, gift: CoveredPages): void {
    if (this.#closing.signal.aborted) return;
    const { store } = this.#means;
    const pin = store.pin();
    try {
      const point = pin.remote;
      const fits = gift.pages.every(({ data }) => data.length === point?.pageSize);
      if (point?.lsn !== lsn || !fits) return;
      keepGiven(store, pin, gift, NO_PAGES);
      this.#learn(gift);
    } finally {
      pin.close();
    }
  }

  async #wait(flight: Flight, signal: AbortSignal | undefined): Promise<void> {
    flight.waiters++;
    try {
      await raceAbort(flight.done, signal);
    } finally {
      flight.waiters--;
      if (flight.waiters === 0) {
        // Taken out at once: whoever comes now must not join what is about to fail.
        this.#flights.delete(flight);
        flight.abort.abort();
      }
    }
  }
}

/**
 * Puts pages into the store that were not asked for; how many. Not all that is covered: a set of a
 * few bytes can name billions of pages. The pin may be closed: then they are dropped.
 */
function keepGiven(store: LocalStore, pin: Pin, gift: CoveredPages, asked: PageSet): number {
  const given = MutablePageSet.from(gift.pages.map(({ index }) => index));
  return keepCovered(store, pin, difference(given, asked), gift);
}

/** Puts what an answer settles into the store: pages, and pages known not to exist. */
export function keepCovered(
  store: LocalStore,
  pin: Pin,
  asked: PageSet,
  answer: CoveredPages,
): number {
  const data = new Map<PageIndex, Uint8Array>();
  for (const page of answer.pages) data.set(page.index, page.data);
  let kept = 0;
  for (const index of intersection(answer.covered, asked)) {
    const at = toPageIndex(index);
    store.putFetched(pin, at, data.get(at));
    kept++;
  }
  return kept;
}
