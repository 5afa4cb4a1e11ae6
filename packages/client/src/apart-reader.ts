import {
  difference,
  intersection,
  type Lsn,
  type PageCount,
  type PageIndex,
  type PageSet,
  type PageSize,
} from "@graft/core";
import type { VolumeReader } from "./volume-reader.ts";

/**
 * The snapshot that a transaction made of its base, though news was taken in below it when it was
 * committed: the commit, but what the news changed as it was in the base. It has the version of the
 * news, which nobody else can pin in this process, and is never the latest.
 */
export class ApartReader implements VolumeReader {
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  readonly lsn: Lsn | undefined;
  readonly version: number;
  readonly baseVersion: number;
  readonly isLatest = false;
  readonly #base: VolumeReader;
  readonly #commit: VolumeReader;
  readonly #changed: PageSet;

  /** @param base closed with it, as is `commit` */
  constructor(base: VolumeReader, commit: VolumeReader, changed: PageSet) {
    this.pageSize = base.pageSize;
    this.pageCount = base.pageCount;
    this.lsn = base.lsn;
    this.version = commit.version - 1;
    this.baseVersion = commit.baseVersion;
    this.#base = base;
    this.#commit = commit;
    this.#changed = changed;
  }

  read(index: PageIndex, target: Uint8Array): boolean {
    const from = this.#changed.contains(index) ? this.#base : this.#commit;
    return from.read(index, target);
  }

  async fetch(pages: PageSet, signal?: AbortSignal): Promise<void> {
    await this.#base.fetch(intersection(pages, this.#changed), signal);
    await this.#commit.fetch(difference(pages, this.#changed), signal);
  }

  close(): void {
    this.#base.close();
    this.#commit.close();
  }
}
