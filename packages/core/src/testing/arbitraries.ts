/**
 * Generators for property tests. Edges come up often: the smallest and greatest values, neighbours,
 * dense and sparse sets.
 */
import * as fc from "fast-check";
import { type CommitId, toCommitId } from "../commit-id.ts";
import {
  type ClientId,
  GID_SIZE,
  type SegmentId,
  toClientId,
  toSegmentId,
  toVolumeId,
  type VolumeId,
} from "../gid.ts";
import { type Lsn, toLsn } from "../lsn.ts";
import { PAGE_SIZE_DEFAULT, type Page, type PageSize, toPageSize } from "../page.ts";
import { type PageCount, toPageCount } from "../page-count.ts";
import { PAGE_INDEX_LAST, type PageIndex, toPageIndex } from "../page-index.ts";
import { type PageSet, pageRange } from "../page-set.ts";

/** Bytes of a length in [minSize, maxSize]. */
export function arbitraryBytes(minSize: number, maxSize: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: minSize, maxLength: maxSize }).map((bytes) => bytes.slice());
}

export function arbitraryVolumeId(): fc.Arbitrary<VolumeId> {
  return gidBytesOf(0x80).map(toVolumeId);
}

export function arbitrarySegmentId(): fc.Arbitrary<SegmentId> {
  return gidBytesOf(0xa0).map(toSegmentId);
}

export function arbitraryClientId(): fc.Arbitrary<ClientId> {
  return gidBytesOf(0xc0).map(toClientId);
}

export function arbitraryCommitId(): fc.Arbitrary<CommitId> {
  return arbitraryBytes(16, 16).map(toCommitId);
}

/** 1 … 2^64−1. */
export function arbitraryLsn(): fc.Arbitrary<Lsn> {
  const any = fc.bigInt({ min: 1n, max: 0xffff_ffff_ffff_ffffn });
  return fc.oneof(fc.bigInt({ min: 1n, max: 300n }), any).map(toLsn);
}

/** 512 … 65536. */
export function arbitraryPageSize(): fc.Arbitrary<PageSize> {
  return fc.integer({ min: 9, max: 16 }).map((exponent) => toPageSize(2 ** exponent));
}

/** 1 … `last`. */
export function arbitraryPageIndex(last: number = PAGE_INDEX_LAST): fc.Arbitrary<PageIndex> {
  const near = fc.integer({ min: 1, max: Math.min(last, 600) });
  return fc.oneof(near, fc.integer({ min: 1, max: last })).map(toPageIndex);
}

/** 0 … `max`. */
export function arbitraryPageCount(max: number = PAGE_INDEX_LAST): fc.Arbitrary<PageCount> {
  const near = fc.integer({ min: 0, max: Math.min(max, 600) });
  return fc.oneof(near, fc.integer({ min: 0, max })).map(toPageCount);
}

/** Runs and single pages, mixed; empty too. All in 1 … `last`. */
export function arbitraryPageSet(last: number = PAGE_INDEX_LAST): fc.Arbitrary<PageSet> {
  const run = fc.tuple(arbitraryPageIndex(last), fc.oneof(fc.constant(0), fc.nat({ max: 700 })));
  return fc.array(run, { maxLength: 12 }).map((runs) => {
    const set = pageRange(1, 0);
    for (const [first, more] of runs) set.insertRange(first, Math.min(last, first + more));
    return set;
  });
}

/** Exactly `size` bytes: zeros, one repeated byte, or noise. */
export function arbitraryPageData(size: PageSize = PAGE_SIZE_DEFAULT): fc.Arbitrary<Uint8Array> {
  const repeated = fc.nat({ max: 255 }).map((byte) => new Uint8Array(size).fill(byte));
  return fc.oneof(
    fc.constant(0).map(() => new Uint8Array(size)),
    repeated,
    noise(size),
  );
}

/** A page at any index up to `last`. */
export function arbitraryPage(size?: PageSize, last?: number): fc.Arbitrary<Page> {
  return fc.record({ index: arbitraryPageIndex(last), data: arbitraryPageData(size) });
}

/**
 * From one seed instead of one draw a byte: shrinking 4096 bytes one by one would take for ever.
 */
function noise(size: number): fc.Arbitrary<Uint8Array> {
  return fc.integer({ min: 1, max: 0x7fff_fffe }).map((seed) => {
    const data = new Uint8Array(size);
    let state = seed;
    for (let at = 0; at < size; at++) {
      state = (state * 48_271) % 0x7fff_ffff;
      data[at] = state >> 8;
    }
    return data;
  });
}

function gidBytesOf(kind: number): fc.Arbitrary<Uint8Array> {
  return arbitraryBytes(GID_SIZE - 1, GID_SIZE - 1).map((rest) => Uint8Array.of(kind, ...rest));
}
