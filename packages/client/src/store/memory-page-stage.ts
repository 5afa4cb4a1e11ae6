import { invariant, type PageIndex } from "@graft/core";
import type { PageStage } from "./page-stage.ts";

/** The stage of a store that has nothing but memory. */
export class MemoryPageStage implements PageStage {
  readonly #heed: (data: Uint8Array) => void;
  readonly #pages = new Map<number, Uint8Array>();

  /** @param heed looks at each page before it is kept; throws when it cannot be the volume's */
  constructor(heed: (data: Uint8Array) => void) {
    this.#heed = heed;
  }

  get count(): number {
    return this.#pages.size;
  }

  put(index: PageIndex, data: Uint8Array): void {
    this.#heed(data);
    this.#pages.set(index, data.slice());
  }

  read(index: PageIndex, target: Uint8Array): boolean {
    const data = this.#pages.get(index);
    if (data !== undefined) target.set(data);
    return data !== undefined;
  }

  delete(index: PageIndex): boolean {
    return this.#pages.delete(index);
  }

  indexes(): Iterable<PageIndex> {
    return this.#pages.keys() as Iterable<PageIndex>;
  }

  clear(): void {
    this.#pages.clear();
  }

  /** Gives the bytes of a page away: they belong to a commit now. */
  take(page: number): Uint8Array | undefined {
    const data = this.#pages.get(page);
    this.#pages.delete(page);
    return data;
  }
}

/** The stage of a commit to this kind of store. */
export function memoryStageOf(staged: PageStage | undefined): MemoryPageStage | undefined {
  const isOwn = staged === undefined || staged instanceof MemoryPageStage;
  invariant(isOwn, "pages were staged in the store that commits them");
  return staged;
}
