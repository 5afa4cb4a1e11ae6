/**
 * Which slab holds which frame, and which slab goes next. Slabs are two queues, oldest first:
 *
 *     new ──▶ fresh ──wanted──▶ kept ──wanted──▶ kept again
 *               │ else           │ else
 *               ▼                ▼
 *             gone, remembered  gone         (fetched again while remembered ──▶ kept)
 *
 * While there is room nothing goes. Then fresh slabs go first until they are a tenth of the cache:
 * a scan, whose frames nobody wants twice, replaces that tenth and nothing else.
 */
import type { FrameCodec } from "@graft/format";
import type { SlabHead, SlabQueue } from "./frame-slab.ts";

/** The part of the cache that frames nobody asked for twice may take when it is full. */
const FRESH_SHARE = 0.1;
/** Names of frames that went unwanted: a quarter of the frames a cache may hold. */
const REMEMBERED_SHARE = 0.25;
/** Of the bytes and frames of a kept slab that goes, what may be written again: half must go. */
const KEPT_AGAIN_SHARE = 0.5;

/** A slab on disk. */
export interface Slab {
  readonly sequence: number;
  readonly queue: SlabQueue;
  /** Bytes of the file. */
  readonly size: number;
  readonly keys: readonly string[];
}

/** A frame on disk. */
export interface FramePlace {
  readonly slab: Slab;
  readonly codec: FrameCodec;
  readonly offset: number;
  readonly size: number;
  /** Asked for since it was written. */
  isWanted: boolean;
}

export interface SlabLimits {
  /** Bytes of all files. */
  readonly sizeMax: number;
  readonly frameCountMax: number;
  readonly slabCountMax: number;
}

/** What a slab takes. */
export interface SlabTotals {
  readonly size: number;
  readonly frames: number;
  readonly slabs: number;
}

class Queue {
  readonly slabs: Set<Slab> = new Set();
  size = 0;
  frames = 0;

  get oldest(): Slab | undefined {
    for (const slab of this.slabs) return slab;
    return undefined;
  }
}

export class SlabIndex {
  readonly #limits: SlabLimits;
  readonly #places = new Map<string, FramePlace>();
  readonly #queues: Readonly<Record<SlabQueue, Queue>> = { fresh: new Queue(), kept: new Queue() };
  readonly #remembered = new Set<string>();

  constructor(limits: SlabLimits) {
    this.#limits = limits;
  }

  get(key: string): FramePlace | undefined {
    return this.#places.get(key);
  }

  /** The frame went unwanted a while ago: wanted now, it was no scan's. */
  isRemembered(key: string): boolean {
    return this.#remembered.has(key);
  }

  /** The youngest slab of its queue. Of two places of one frame the later one counts. */
  add(sequence: number, head: SlabHead, wanted: ReadonlySet<string> = new Set()): void {
    const keys = head.entries.map(({ key }) => key);
    const slab: Slab = { sequence, queue: head.queue, size: head.size, keys };
    for (const { key, codec, offset, size } of head.entries) {
      this.#places.set(key, { slab, codec, offset, size, isWanted: wanted.has(key) });
      this.#remembered.delete(key);
    }
    const queue = this.#queues[slab.queue];
    queue.slabs.add(slab);
    queue.size += slab.size;
    queue.frames += keys.length;
  }

  /** Forgets one frame; its bytes go with its slab. */
  drop(key: string): void {
    this.#places.delete(key);
  }

  /** Forgets a slab. */
  remove(slab: Slab): void {
    const queue = this.#queues[slab.queue];
    if (!queue.slabs.delete(slab)) return;
    queue.size -= slab.size;
    queue.frames -= slab.keys.length;
    for (const key of slab.keys) {
      if (this.#places.get(key)?.slab !== slab) continue;
      this.#places.delete(key);
      if (slab.queue === "fresh") this.#remember(key);
    }
  }

  /** The slab that must go before one of this size may come; undefined: there is room. */
  victimFor(size: number, frames: number): Slab | undefined {
    const { fresh, kept } = this.#queues;
    const needed = { size, frames, slabs: 1 };
    if (!exceeds(sum(this.totals, needed), this.#limits, 1)) return undefined;
    const freshTotals = { size: fresh.size, frames: fresh.frames, slabs: fresh.slabs.size };
    const first = exceeds(freshTotals, this.#limits, FRESH_SHARE) ? fresh : kept;
    return first.oldest ?? fresh.oldest ?? kept.oldest;
  }

  /** Frames of a slab that are worth writing again when it goes. */
  survivorsOf(slab: Slab): ReadonlyMap<string, FramePlace> {
    const survivors = new Map<string, FramePlace>();
    const share = slab.queue === "kept" ? KEPT_AGAIN_SHARE : 1;
    let left = slab.size * share;
    for (const key of slab.keys) {
      const place = this.#places.get(key);
      if (place?.slab !== slab || !place.isWanted || place.size > left) continue;
      if (survivors.size + 1 > slab.keys.length * share) break;
      left -= place.size;
      survivors.set(key, place);
    }
    return survivors;
  }

  get totals(): SlabTotals {
    const { fresh, kept } = this.#queues;
    return {
      size: fresh.size + kept.size,
      frames: fresh.frames + kept.frames,
      slabs: fresh.slabs.size + kept.slabs.size,
    };
  }

  /** Frames that can be read. */
  get frameCount(): number {
    return this.#places.size;
  }

  #remember(key: string): void {
    this.#remembered.add(key);
    const countMax = this.#limits.frameCountMax * REMEMBERED_SHARE;
    for (const oldest of this.#remembered) {
      if (this.#remembered.size <= countMax) return;
      this.#remembered.delete(oldest);
    }
  }
}

function sum(a: SlabTotals, b: SlabTotals): SlabTotals {
  return { size: a.size + b.size, frames: a.frames + b.frames, slabs: a.slabs + b.slabs };
}

function exceeds(totals: SlabTotals, limits: SlabLimits, share: number): boolean {
  return (
    totals.size > limits.sizeMax * share ||
    totals.frames > limits.frameCountMax * share ||
    totals.slabs > limits.slabCountMax * share
  );
}
