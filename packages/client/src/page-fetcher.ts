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
  type PageIndex,
  type PageSet,
  READ_PAGES_COUNT_MAX,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { splitPageSet } from "./page-set-parts.ts";
import { raceAbort } from "./race-abort.ts";
import type { CoveredPages, Remote } from "./remote/remote.ts";
import type { LocalStore, Pin, RemotePoint } from "./store/local-store.ts";

/** Requests one fetch keeps under way at once. */
const REQUESTS_IN_FLIGHT_MAX = 4;

export interface PageFetcherMeans {
  readonly volumeId: VolumeId;
  readonly store: LocalStore;
  readonly remote: Remote;
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
    const flight: Flight = {
      lsn: point.lsn,
      pages,
      abort,
      waiters: 0,
      done: this.#request(pin, point, pages, abort.signal).finally(() => {
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
