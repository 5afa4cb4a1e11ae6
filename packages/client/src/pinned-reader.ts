import type { Lsn, PageCount, PageIndex, PageSet, PageSize } from "@graft/core";
import type { PageFetcher } from "./page-fetcher.ts";
import type { FetchNeed } from "./prefetch/fetch-allowance.ts";
import type { LocalStore, Pin } from "./store/local-store.ts";
import type { VolumeReader } from "./volume-reader.ts";

/**
 * A reader on a pin of the local store. The pin lives until the reader and its fetches have ended.
 */
export class PinnedReader implements VolumeReader {
  readonly pageSize: PageSize;
  readonly #pin: Pin;
  readonly #store: LocalStore;
  readonly #fetcher: PageFetcher;
  readonly #onClose: (reader: PinnedReader) => void;
  #fetchCount = 0;
  #isClosed = false;

  constructor(parts: {
    readonly pin: Pin;
    readonly pageSize: PageSize;
    readonly store: LocalStore;
    readonly fetcher: PageFetcher;
    readonly onClose: (reader: PinnedReader) => void;
  }) {
    this.pageSize = parts.pageSize;
    this.#pin = parts.pin;
    this.#store = parts.store;
    this.#fetcher = parts.fetcher;
    this.#onClose = parts.onClose;
  }

  get pageCount(): PageCount {
    return this.#pin.pageCount;
  }

  get lsn(): Lsn | undefined {
    return this.#pin.remote?.lsn;
  }

  get version(): number {
    return this.#pin.version;
  }

  get baseVersion(): number {
    return this.#pin.baseVersion;
  }

  get isLatest(): boolean {
    return !this.#isClosed && this.#store.isLatest(this.#pin);
  }

  read(index: PageIndex, target: Uint8Array): boolean {
    const isHere = this.#store.read(this.#pin, index, target) !== "absent";
    if (isHere && index === this.#fetcher.trigger) this.#fetcher.reached(this.#pin, index);
    return isHere;
  }

  async fetch(pages: PageSet, signal?: AbortSignal, need?: FetchNeed): Promise<void> {
    this.#fetchCount++;
    try {
      await this.#fetcher.fetch(this.#pin, pages, signal, need);
    } finally {
      this.#fetchCount--;
      this.#unpinWhenDone();
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose(this);
    this.#unpinWhenDone();
  }

  #unpinWhenDone(): void {
    if (this.#isClosed && this.#fetchCount === 0) this.#pin.close();
  }
}
