import type { PageIndex } from "@graft/core";
import { type NewPages, type PageStage, sortedIndexes } from "./store/page-stage.ts";

/** Bytes of pages that a transaction keeps in memory; the rest is staged in the local store. */
const MEMORY_SIZE_MAX = 16 * 1024 * 1024;

/** The pages that an open transaction wrote. */
export class DirtyPages implements NewPages {
  readonly pages: Map<PageIndex, Uint8Array> = new Map();
  readonly #openStage: () => PageStage;
  #staged: PageStage | undefined;
  #memorySize = 0;

  constructor(openStage: () => PageStage) {
    this.#openStage = openStage;
  }

  get count(): number {
    return this.pages.size + (this.#staged?.count ?? 0);
  }

  get staged(): PageStage | undefined {
    return this.#staged;
  }

  /** Copies a page into `target`; false when it was not written. */
  read(index: PageIndex, target: Uint8Array): boolean {
    const page = this.pages.get(index);
    if (page === undefined) return this.#staged?.read(index, target) ?? false;
    target.set(page);
    return true;
  }

  /** The bytes are copied. @throws GraftError `io` */
  write(index: PageIndex, page: Uint8Array): void {
    const old = this.pages.get(index);
    if (old !== undefined) {
      old.set(page);
    } else if (this.#memorySize + page.length > MEMORY_SIZE_MAX) {
      this.#staged ??= this.#openStage();
      this.#staged.put(index, page);
    } else {
      this.pages.set(index, page.slice());
      this.#memorySize += page.length;
      this.#staged?.delete(index);
    }
  }

  /** Forgets a page, if it was written. */
  delete(index: PageIndex): void {
    const page = this.pages.get(index);
    if (page === undefined) {
      this.#staged?.delete(index);
      return;
    }
    this.pages.delete(index);
    this.#memorySize -= page.length;
  }

  /** Ascending: a list of its own. */
  sorted(): Uint32Array {
    return sortedIndexes(this);
  }

  clear(): void {
    this.pages.clear();
    this.#memorySize = 0;
    this.#staged?.clear();
  }
}
