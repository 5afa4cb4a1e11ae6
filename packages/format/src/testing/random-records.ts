/**
 * Valid records from a seed: every optional field comes and goes, page sets are dense and sparse
 * and interleave, frames hold more pages than a reference names. Frame data are noise: only shape
 * and hash length are right.
 */
import {
  COMMIT_ID_SIZE,
  createClientId,
  createSegmentId,
  createVolumeId,
  type IdSource,
  type Lsn,
  type PageCount,
  type PageSet,
  type PageSize,
  pageSetOf,
  randomBytes,
  toCommitId,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import type { CommitRecord, InlineFrame } from "../commit-record.ts";
import { framePageCountMax, SEGMENT_HEADER } from "../segment/segment-layout.ts";
import { FRAME_HASH_SIZE, type FrameEntry, type SegmentRef } from "../segment/segment-ref.ts";
import type { TailCommit, TailIndex } from "../tail-index.ts";

/** What a random record should be. The rest is drawn. */
export interface RandomCommitOptions {
  readonly volumeId?: VolumeId;
  readonly lsn?: Lsn;
  readonly pageSize?: PageSize;
  /** SHA-256 of the record before it, when that exists. */
  readonly parentHash?: Uint8Array;
}

/** A valid commit record. */
export function randomCommitRecord(
  random: SeededRandom,
  options: RandomCommitOptions = {},
): CommitRecord {
  const ids = idSource(random);
  const volumeId = options.volumeId ?? createVolumeId(ids);
  const lsn = options.lsn ?? toLsn(BigInt(random.integer(1, 1000)));
  const pageSize = options.pageSize ?? toPageSize(2 ** random.integer(9, 16));
  const pageCount = toPageCount(random.integer(600, random.pick([600, 70_000, 0xffff_fffe])));
  const hasTail = lsn > 1n && random.chance(0.5);
  const lowPageCount = random.chance(0.3) ? toPageCount(random.integer(500, 599)) : undefined;
  const buckets = randomBuckets(random, hasTail ? 8 : 4, pageCount);
  const [inline, ...others] = buckets.slice(0, 4);
  const context = { ids, random, volumeId, pageSize };
  const tailPages = buckets.slice(4).map((set) => upTo(set, lowPageCount ?? pageCount));
  return {
    volumeId,
    lsn,
    clientId: createClientId(ids),
    ...(random.chance(0.8) ? { commitId: toCommitId(randomBytes(random, COMMIT_ID_SIZE)) } : {}),
    timestampMs: random.integer(0, 8_640_000_000_000_000),
    pageSize,
    pageCount,
    ...(lowPageCount === undefined ? {} : { lowPageCount }),
    ...(lsn === 1n ? {} : { parentHash: options.parentHash ?? randomBytes(random, 32) }),
    segments: others.filter(isNotEmpty).map((pages) => randomSegmentRef(pages, context)),
    inlineFrames: randomInlineFrames(inline, context),
    ...(hasTail ? { tailIndex: randomTailIndex(tailPages, lsn, context) } : {}),
    ...(random.chance(0.3) ? { metadata: { message: "imported ✓" } } : {}),
  };
}

interface Context {
  readonly ids: IdSource;
  readonly random: SeededRandom;
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
}

/** Page sets that share no page; some may be empty. */
function randomBuckets(random: SeededRandom, count: number, pageCount: PageCount): PageSet[] {
  const pages = new Set<number>();
  let at = random.integer(1, 50);
  const total = random.integer(1, 120);
  while (pages.size < total && at <= pageCount) {
    pages.add(at);
    at += random.chance(0.7) ? 1 : random.integer(1, random.pick([3, 300, 70_000]));
  }
  const buckets = Array.from({ length: count }, () => pageSetOf([]));
  let bucket = 0;
  for (const page of pages) {
    if (random.chance(0.2)) bucket = random.integer(0, count - 1);
    buckets[bucket]?.insert(page);
  }
  return buckets;
}

function randomSegmentRef(pageSet: PageSet, context: Context): SegmentRef {
  const { random, ids } = context;
  const hasFrames = random.chance(0.8);
  const frames = hasFrames ? randomFrames(pageSet, context) : [];
  const end = frames.at(-1);
  const framesEnd = end === undefined ? SEGMENT_HEADER.size : end.offset + end.size;
  return {
    segmentId: createSegmentId(ids),
    ...(random.chance(0.2) ? { ownerVolumeId: createVolumeId(ids) } : {}),
    pageSet,
    size: framesEnd + random.integer(100, 1000),
    frames,
  };
}

function randomFrames(pageSet: PageSet, { random, pageSize }: Context): FrameEntry[] {
  const frames: FrameEntry[] = [];
  let offset: number = SEGMENT_HEADER.size;
  for (const pages of runsOf(pageSet, framePageCountMax(pageSize), random)) {
    const whole = withUnnamed(pages, pageSet, random, pageSize);
    const rawSize = (whole ?? pages).cardinality * pageSize;
    const codec = random.chance(0.5) ? "zstd" : "raw";
    const size = codec === "raw" ? rawSize : random.integer(1, rawSize - 1);
    frames.push({
      firstPage: toPageIndex(pages.first ?? 0),
      lastPage: toPageIndex(pages.last ?? 0),
      offset,
      size,
      codec,
      hash: randomBytes(random, FRAME_HASH_SIZE),
      ...(whole === undefined ? {} : { pageSet: whole }),
    });
    offset += size + (random.chance(0.2) ? random.integer(1, 99) : 0);
  }
  return frames;
}

/**
 * The pages with one more between them that the reference does not name; undefined when there is
 * no place.
 */
function withUnnamed(
  pages: PageSet,
  named: PageSet,
  random: SeededRandom,
  pageSize: PageSize,
): PageSet | undefined {
  if (!random.chance(0.3) || pages.cardinality >= framePageCountMax(pageSize)) return undefined;
  for (const { last } of pages.ranges()) {
    if (last === pages.last || named.contains(last + 1)) continue;
    const whole = pages.clone();
    whole.insert(last + 1);
    return whole;
  }
  return undefined;
}

function randomInlineFrames(pageSet: PageSet | undefined, context: Context): InlineFrame[] {
  const { random, pageSize } = context;
  const frames: InlineFrame[] = [];
  let left = (128 * 1024) / pageSize;
  for (const pages of runsOf(pageSet ?? pageSetOf([]), framePageCountMax(pageSize), random)) {
    left -= pages.cardinality;
    if (left < 0) break;
    const rawSize = pages.cardinality * pageSize;
    const codec = random.chance(0.5) ? "zstd" : "raw";
    const data = randomBytes(random, codec === "raw" ? rawSize : random.integer(1, 99));
    frames.push({ pageSet: pages, codec, hash: randomBytes(random, FRAME_HASH_SIZE), data });
  }
  return frames;
}

function randomTailIndex(buckets: readonly PageSet[], lsn: Lsn, context: Context): TailIndex {
  const commits: TailCommit[] = [];
  let below = lsn;
  for (const pages of buckets.filter(isNotEmpty)) {
    if (below === 1n) break;
    below = toLsn(below - 1n);
    commits.push(
      context.random.chance(0.5)
        ? { lsn: below, inlinePageSet: pages, segments: [] }
        : { lsn: below, segments: [randomSegmentRef(pages, context)] },
    );
  }
  const shrinks = [toPageCount(7), toPageCount(9)].map((lowPageCount, at) => ({
    lsn: toLsn(BigInt(at + 1)),
    lowPageCount,
  }));
  return { commits, shrinks: lsn > 2n && context.random.chance(0.5) ? shrinks : [] };
}

function runsOf(pageSet: PageSet, countMax: number, random: SeededRandom): PageSet[] {
  const runs: PageSet[] = [];
  const count = random.integer(1, Math.min(countMax, 20));
  for (const page of pageSet) {
    const run = runs.at(-1);
    if (run === undefined || run.cardinality >= count) runs.push(pageSetOf([toPageIndex(page)]));
    else run.insert(page);
  }
  return runs;
}

function upTo(set: PageSet, last: PageCount): PageSet {
  const kept = set.clone();
  kept.removeRange(last + 1, 0xffff_ffff);
  return kept;
}

function isNotEmpty(set: PageSet): boolean {
  return !set.isEmpty;
}

function idSource(random: SeededRandom): IdSource {
  const nowMs = (): number => random.integer(1, 2 ** 47);
  return { random, clock: { nowMs, monotonicMs: nowMs, sleep: async () => {} } };
}
