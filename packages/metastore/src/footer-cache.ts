import type { SegmentFooter } from "@graft/format";

/** Frame entries held at most: at ≈ 200 bytes each, 13 MiB. */
const ENTRY_COUNT_MAX = 65_536;

/**
 * Footers of segments: a commit that is sent again does not read them again. Segments never
 * change.
 */
export class FooterCache {
  /** Least recently used first. */
  readonly #footers = new Map<string, SegmentFooter>();
  #entryCount = 0;

  get(key: string): SegmentFooter | undefined {
    const footer = this.#footers.get(key);
    if (footer === undefined) return undefined;
    this.#footers.delete(key);
    this.#footers.set(key, footer);
    return footer;
  }

  add(key: string, footer: SegmentFooter): void {
    if (this.#footers.has(key)) return;
    this.#footers.set(key, footer);
    this.#entryCount += footer.frames.length;
    for (const [oldest, { frames }] of this.#footers) {
      if (this.#entryCount <= ENTRY_COUNT_MAX) return;
      this.#footers.delete(oldest);
      this.#entryCount -= frames.length;
    }
  }
}
