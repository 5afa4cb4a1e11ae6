/**
 * A bounded cache that a scan does not empty. A frame starts on probation; being asked for again
 * makes it protected. What must go is the oldest on probation; protected frames take at most four
 * fifths, and the oldest of them goes back on probation for a last chance.
 *
 *     set ──▶ probation ──get──▶ protected
 *                │  ▲───too many────┘
 *                ▼ too many
 *              gone
 */
import type { DecodedFrame, FrameCache, FrameCacheStats } from "./frame-cache.ts";

/**
 * A frame's objects beside its bytes, and each page's, roughly: the bound is on memory, not on
 * pages.
 */
const FRAME_OVERHEAD_SIZE = 256;
const PAGE_OVERHEAD_SIZE = 160;
const PROTECTED_SHARE = 0.8;

interface Entry {
  readonly frame: DecodedFrame;
  readonly size: number;
}

export class MemoryFrameCache implements FrameCache {
  readonly #sizeMax: number;
  /** Both oldest first. */
  readonly #probation = new Map<string, Entry>();
  readonly #protected = new Map<string, Entry>();
  #size = 0;
  #protectedSize = 0;
  #hits = 0;
  #misses = 0;

  /** @param sizeMax bytes of memory at most; 0 keeps nothing */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get(key: string): DecodedFrame | undefined {
    const entry = this.#protected.get(key) ?? this.#probation.get(key);
    if (entry === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    this.#protect(key, entry);
    return entry.frame;
  }

  has(key: string): boolean {
    return this.#protected.has(key) || this.#probation.has(key);
  }

  set(key: string, frame: DecodedFrame): void {
    const entry = { frame, size: sizeOf(frame) };
    if (entry.size > this.#sizeMax || this.has(key)) return;
    this.#probation.set(key, entry);
    this.#size += entry.size;
    this.#shrink();
  }

  stats(): FrameCacheStats {
    const frames = this.#probation.size + this.#protected.size;
    return { hits: this.#hits, misses: this.#misses, frames, bytes: this.#size };
  }

  #protect(key: string, entry: Entry): void {
    if (this.#probation.delete(key)) this.#protectedSize += entry.size;
    else this.#protected.delete(key);
    this.#protected.set(key, entry);
    for (const [oldest, { size }] of this.#protected) {
      if (this.#protectedSize <= this.#sizeMax * PROTECTED_SHARE) return;
      this.#demote(oldest, size);
    }
  }

  #demote(key: string, size: number): void {
    const entry = this.#protected.get(key);
    if (entry === undefined) return;
    this.#protected.delete(key);
    this.#protectedSize -= size;
    this.#probation.set(key, entry);
  }

  #shrink(): void {
    for (const [oldest, { size }] of this.#probation) {
      if (this.#size <= this.#sizeMax) return;
      this.#probation.delete(oldest);
      this.#size -= size;
    }
    for (const [oldest, { size }] of this.#protected) {
      if (this.#size <= this.#sizeMax) return;
      this.#protected.delete(oldest);
      this.#protectedSize -= size;
      this.#size -= size;
    }
  }
}

function sizeOf(frame: DecodedFrame): number {
  let size = FRAME_OVERHEAD_SIZE;
  for (const page of frame) size += page.data.length + PAGE_OVERHEAD_SIZE;
  return size;
}
