import type { Page } from "@graft/core";

/**
 * The verified pages of one frame, ascending: views of one buffer that is theirs alone. Never
 * written to.
 */
export type DecodedFrame = readonly Page[];

/**
 * Decoded frames by content. Disposable: it may forget anything at any call, and what it answers
 * was put there under the same key, which names the content.
 */
export interface FrameCache {
  get(key: string): DecodedFrame | undefined;
  /** Whether `get` would answer it; asking is no use of it. */
  has(key: string): boolean;
  set(key: string, frame: DecodedFrame): void;
  stats(): FrameCacheStats;
}

export interface FrameCacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly frames: number;
  readonly bytes: number;
}
