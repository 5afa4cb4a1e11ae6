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
  isGraftError,
  type Lsn,
  type PageIndex,
  type PageSet,
  pageRange,
  READ_PAGES_COUNT_MAX,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { splitPageSet } from "./page-set-parts.ts";
import type { ExpectedBundle, Prefetching } from "./prefetch/ask-for-bundle.ts";
import { raceAbort } from "./race-abort.ts";
import type { BundledPages, CoveredPages, Remote } from "./remote/remote.ts";
import type { LocalStore, Pin, RemotePoint } from "./store/local-store.ts";

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

export class PageFetcher {
  readonly #means: PageFetcherMeans;
  readonly #flights = new Set<Flight>();
  readonly #closing = new AbortController();

  constructor(means: PageFetcherMeans) {
    this.#means = means;
    const expected = means.prefetch?.expected;
    if (expected !== undefined) this.#expect(expected);
  }

  /**
   * Returns when `store.absent(pin, pages)` is empty. The pin must stay open until then.
   *
   * @throws GraftError what the remote said; AbortError
   */
  async fetch(pin: Pin, pages: PageSet, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      const missing = this.#means.store.absent(pin, pages);
      const point = pin.remote;
      if (missing.isEmpty || point === undefined) return;
      const joined = this.#flightsFor(pin, point, missing);
      await Promise.all(joined.map((flight) => this.#wait(flight, signal)));
      // NOTE: asked again from the start: a flight of another snapshot may have settled only part
      // of it.
    }
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

  #flightsFor(pin: Pin, point: RemotePoint, missing: PageSet): readonly Flight[] {
    const joined: Flight[] = [];
    let rest = missing;
    for (const flight of this.#flights) {
      if (flight.lsn !== point.lsn || !intersects(flight.pages, rest)) continue;
      joined.push(flight);
      rest = difference(rest, flight.pages);
    }
    for (const part of splitPageSet(rest, READ_PAGES_COUNT_MAX)) {
      if (joined.length >= REQUESTS_IN_FLIGHT_MAX) break;
      joined.push(this.#start(pin, point, part));
    }
    return joined;
  }

  #start(pin: Pin, point: RemotePoint, pages: PageSet): Flight {
    const abort = new AbortController();
    return this.#launch(point.lsn, pages, abort, async () => {
      if (this.#asksForBundle(pages)) await this.#requestBundle(point, abort.signal);
      const rest = this.#means.store.absent(pin, pages);
      await this.#request(pin, point, rest, abort.signal);
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

  async #request(pin: Pin, point: RemotePoint, pages: PageSet, signal: AbortSignal): Promise<void> {
    const { volumeId, remote, store } = this.#means;
    let rest = pages;
    while (!rest.isEmpty) {
      const request = { volumeId, lsn: point.lsn, pageSize: point.pageSize, pages: rest };
      const answer = await remote.readPages(request, signal);
      signal.throwIfAborted();
      keepCovered(store, pin, rest, answer);
      rest = difference(rest, answer.covered);
    }
  }

  /** Of a replica that has nothing, page 1 is asked for with what belongs to it. */
  #asksForBundle(pages: PageSet): boolean {
    const { store, remote, prefetch } = this.#means;
    if (prefetch === undefined || remote.readBundle === undefined) return false;
    return pages.cardinality === 1 && pages.contains(1) && store.usage().pages === 0;
  }

  async #requestBundle({ lsn }: RemotePoint, signal: AbortSignal): Promise<void> {
    const { volumeId, remote, prefetch } = this.#means;
    const sizeMax = prefetch?.budget.takeOpenBytes() ?? 0;
    if (sizeMax === 0 || remote.readBundle === undefined) return;
    await this.#keepBundle(lsn, remote.readBundle({ volumeId, lsn, sizeMax }, signal));
    signal.throwIfAborted();
  }

  /** Puts a bundle into the store. A gift that fails is none: the pages are asked for as usual. */
  async #keepBundle(lsn: Lsn, arriving: Promise<BundledPages>): Promise<void> {
    const { store } = this.#means;
    const bundle = await arriving.catch((error: unknown) => {
      if (isGraftError(error) || this.#closing.signal.aborted) return undefined;
      throw error;
    });
    if (bundle?.lsn !== lsn || this.#closing.signal.aborted) return;
    const pin = store.pin();
    try {
      const point = pin.remote;
      const fits = bundle.pages.every(({ data }) => data.length === point?.pageSize);
      if (point?.lsn === lsn && fits) keepCovered(store, pin, bundle.covered, bundle);
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
