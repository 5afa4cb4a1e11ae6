/** Segments of a volume: each is read once, and held against everything that names it. */
import { difference, equalBytes, isGraftError, type SegmentId, type VolumeId } from "@graft/core";
import {
  type FrameEntry,
  frameOf,
  framePageSet,
  readSegmentTail,
  type SegmentFooter,
  type SegmentRef,
  segmentKey,
  segmentRefOf,
  segmentTailRange,
} from "@graft/format";
import { conditionOf } from "../../inspect/condition-of.ts";
import { pageSetText } from "../../inspect/facts.ts";
import { frameFault } from "../../inspect/frame-fault.ts";
import type { CheckContext } from "./check-context.ts";

/** Frame entries of the footers that are kept: about 30 MiB. */
const KEPT_FRAME_COUNT_MAX = 100_000;
/** Damaged frames of one segment that are told one by one. */
const FRAME_FINDING_COUNT_MAX = 16;
const HEADER = Uint8Array.of(0x47, 0x52, 0x46, 0x54, 0x53, 1, 0, 0);

/** What is asked of a segment by what names it. */
export interface SegmentUse {
  readonly ref: SegmentRef;
  /** Key of the object that names it. */
  readonly namedBy: string;
}

export class SegmentChecker {
  /** Own segments that something names. */
  readonly named: Set<SegmentId> = new Set();
  readonly #context: CheckContext;
  readonly #sizes: ReadonlyMap<SegmentId, number>;
  /** Segments that were read as a whole, and those that cannot be used and were told about. */
  readonly #seen = new Set<string>();
  readonly #unusable = new Set<string>();
  readonly #footers = new Map<string, SegmentFooter>();
  #keptFrameCount = 0;

  /** @param sizes of the volume's own segments, as listed */
  constructor(context: CheckContext, sizes: ReadonlyMap<SegmentId, number>) {
    this.#context = context;
    this.#sizes = sizes;
  }

  /** Segments that were read. */
  get count(): number {
    return this.#seen.size;
  }

  /**
   * Checks that a segment holds what is claimed of it; tells what it does not, and answers whether
   * it does.
   */
  async check({ ref, namedBy }: SegmentUse): Promise<boolean> {
    const owner = ref.ownerVolumeId ?? this.#context.volumeId;
    const key = segmentKey(owner, ref.segmentId);
    if (ref.ownerVolumeId === undefined) this.named.add(ref.segmentId);
    if (this.#unusable.has(key)) return false;
    const footer = this.#footers.get(key) ?? (await this.#load(key, owner, { ref, namedBy }));
    if (footer === undefined) return false;
    const fault = refFault(ref, footer);
    if (fault !== undefined) this.#context.damage(namedBy, `segment ${ref.segmentId}: ${fault}`);
    return fault === undefined;
  }

  async #load(
    key: string,
    owner: VolumeId,
    { ref, namedBy }: SegmentUse,
  ): Promise<SegmentFooter | undefined> {
    const isOwn = ref.ownerVolumeId === undefined;
    const size = isOwn ? this.#sizes.get(ref.segmentId) : await this.#context.sizeOf(key);
    if (size === undefined) {
      const pages = `pages ${pageSetText(ref.pageSet, 4)} cannot be read`;
      return this.#refuse(key, `missing; ${namedBy} names it: ${pages}`);
    }
    if (size !== ref.size) {
      return this.#refuse(key, `expected ${ref.size} bytes, as ${namedBy} says, got ${size}`);
    }
    const isFirst = !this.#seen.has(key);
    this.#seen.add(key);
    try {
      const footer =
        isFirst && !this.#context.isQuick
          ? await this.#readWhole(key, size)
          : await this.#readFooter(key, size);
      if (footer.volumeId !== owner || footer.segmentId !== ref.segmentId) {
        const actual = `${footer.segmentId} of volume ${footer.volumeId}`;
        return this.#refuse(key, `its footer is of segment ${actual}`);
      }
      this.#keep(key, footer);
      return footer;
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      return this.#refuse(key, conditionOf(error));
    }
  }

  async #readWhole(key: string, size: number): Promise<SegmentFooter> {
    const { compute } = this.#context;
    const bytes = (await this.#context.get(key))?.bytes ?? new Uint8Array();
    const tail = readSegmentTail(bytes, { objectName: key, size: bytes.length }, compute);
    if (tail.kind === "more") return this.#readFooter(key, size);
    const { footer } = tail;
    if (!equalBytes(bytes.subarray(0, HEADER.length), HEADER)) {
      this.#context.damage(key, "its header is not GRFT S, version 1");
    }
    await this.#checkFrames(key, bytes, footer);
    return footer;
  }

  async #checkFrames(key: string, bytes: Uint8Array, footer: SegmentFooter): Promise<void> {
    const ref = segmentRefOf(footer);
    let faultCount = 0;
    for (const entry of footer.frames) {
      const data = bytes.subarray(entry.offset, entry.offset + entry.size);
      const frame = frameOf(ref, entry, data, key);
      const fault = await frameFault(frame, footer, this.#context.compute);
      if (fault === undefined || ++faultCount > FRAME_FINDING_COUNT_MAX) continue;
      this.#context.damage(key, `at offset ${entry.offset}: ${fault}`);
    }
    const left = faultCount - FRAME_FINDING_COUNT_MAX;
    if (left > 0) this.#context.damage(key, `${left} more frames are damaged`);
  }

  async #readFooter(key: string, size: number): Promise<SegmentFooter> {
    let range = segmentTailRange(size);
    for (;;) {
      const bytes = (await this.#context.get(key, range))?.bytes ?? new Uint8Array();
      const tail = readSegmentTail(bytes, { objectName: key, size }, this.#context.compute);
      if (tail.kind === "footer") return tail.footer;
      range = tail.range;
    }
  }

  #refuse(key: string, condition: string): undefined {
    this.#unusable.add(key);
    this.#context.damage(key, condition);
  }

  /** Footers are kept while there is room; one that went is read again by range. */
  #keep(key: string, footer: SegmentFooter): void {
    this.#footers.set(key, footer);
    this.#keptFrameCount += footer.frames.length;
    for (const [oldest, one] of this.#footers) {
      if (this.#keptFrameCount <= KEPT_FRAME_COUNT_MAX || oldest === key) break;
      this.#footers.delete(oldest);
      this.#keptFrameCount -= one.frames.length;
    }
  }
}

/** What a reference claims and the footer does not say, as a sentence; undefined: nothing. */
export function refFault(ref: SegmentRef, footer: SegmentFooter): string | undefined {
  const absent = difference(ref.pageSet, footer.pageSet);
  if (!absent.isEmpty) return `its footer does not name pages ${pageSetText(absent, 4)}`;
  if (ref.size !== footer.size) return `expected ${ref.size} bytes, got ${footer.size}`;
  const whole = segmentRefOf(footer);
  const byOffset = new Map(footer.frames.map((entry) => [entry.offset, entry]));
  for (const entry of ref.frames) {
    const stored = byOffset.get(entry.offset);
    const name = `frame of pages ${entry.firstPage} … ${entry.lastPage} at ${entry.offset}`;
    if (stored === undefined || !isSameEntry(entry, stored)) {
      return `${name}: the footer has another entry there`;
    }
    if (!framePageSet(ref, entry).equals(framePageSet(whole, stored))) {
      return `${name}: the footer gives it other pages`;
    }
  }
  return undefined;
}

function isSameEntry(a: FrameEntry, b: FrameEntry): boolean {
  const isSamePlace = a.size === b.size && a.codec === b.codec;
  const isSameRange = a.firstPage === b.firstPage && a.lastPage === b.lastPage;
  return isSamePlace && isSameRange && equalBytes(a.hash, b.hash);
}
