// What must hold, and what may go wrong.

// Sets of pages: the set's own operations under their plain names.
export {
  cut,
  difference,
  intersection,
  intersects,
  Splinter as MutablePageSet,
  union,
  unionInto,
  within,
} from "@graft/splinter";
export { InvariantError, invariant, unreachable } from "./assert.ts";
// Work that waits.
export { Coalescer } from "./async/coalescer.ts";
export { KeyedLimiter, type Permit } from "./async/keyed-limiter.ts";
export { orAborted } from "./async/or-aborted.ts";
export {
  type ConcurrentOptions,
  type MapItem,
  mapConcurrent,
  mapOrdered,
} from "./async/ordered-concurrent.ts";
export {
  backoffDelayMs,
  RETRY_AFTER_MAX_MS,
  RETRY_POLICY_DEFAULT,
  type RetryOptions,
  type RetryPolicy,
  retry,
  retryAfterMsOf,
} from "./async/retry.ts";
export { Supervisor, type TaskFailure } from "./async/supervisor.ts";
export { inTurn, takeWholeTurn } from "./async/turn.ts";
// Names.
export { type Bookmark, formatBookmark, parseBookmark } from "./bookmark.ts";

// Bytes.
export { BytesError } from "./bytes/bytes-error.ts";
export { concatBytes, equalBytes, isZero } from "./bytes/compare.ts";
export { decodeHex, encodeHex } from "./bytes/hex.ts";
export { ByteReader } from "./bytes/reader.ts";
export { releaseBytes } from "./bytes/release.ts";
export { ByteWriter } from "./bytes/writer.ts";
// The only doors to time, entropy, threads and disks.
export type { Clock } from "./clock.ts";
export {
  COMMIT_ID_SIZE,
  type CommitId,
  commitIdBytes,
  createCommitId,
  parseCommitId,
  toCommitId,
} from "./commit-id.ts";
export type { Compute } from "./compute.ts";
export {
  ERROR_MANUAL,
  type ErrorAdvice,
  type ErrorDetails,
  GraftError,
  type GraftErrorCode,
  type GraftErrorOptions,
  isGraftError,
  isGraftErrorCode,
} from "./error.ts";
export type {
  ByteRange,
  File,
  FileLock,
  FileMode,
  FileStat,
  FileSystem,
  ReusableLock,
} from "./file-system.ts";
export {
  type ClientId,
  createClientId,
  createSegmentId,
  createVolumeId,
  GID_SIZE,
  GID_TEXT_LENGTH,
  gidBytes,
  gidTimestampMs,
  type IdSource,
  parseClientId,
  parseSegmentId,
  parseVolumeId,
  type SegmentId,
  toClientId,
  toSegmentId,
  toVolumeId,
  type VolumeId,
} from "./gid.ts";
// Limits.
export {
  CLOCK_SKEW_MAX_MS,
  COMMIT_FRAME_INDEX_SIZE_MAX,
  COMMIT_METADATA_SIZE_MAX,
  COMMIT_RECORD_SIZE_MAX,
  COMMIT_SEGMENT_COUNT_MAX,
  FRAME_PAGE_COUNT_MAX,
  FRAME_SIZE_MAX,
  INLINE_PAGES_SIZE_MAX,
  PULL_COMMITS_SIZE_MAX,
  READ_PAGES_BUDGET_DEFAULT,
  READ_PAGES_BUDGET_MAX,
  READ_PAGES_COUNT_MAX,
  REQUEST_BODY_SIZE_MAX,
  SEGMENT_AGE_MAX_MS,
  SEGMENT_SIZE_MAX,
  SHRINK_LIST_COUNT_MAX,
  WATCH_VOLUME_COUNT_MAX,
  WRITE_PAGES_SIZE_MAX,
} from "./limits.ts";
// History.
export {
  formatLsnHex,
  LSN_FIRST,
  LSN_LAST,
  type Lsn,
  nextLsn,
  parseLsn,
  parseLsnHex,
  toLsn,
} from "./lsn.ts";
export { createLsnRange, type LsnRange } from "./lsn-range.ts";

// Pages.
export {
  PAGE_SIZE_DEFAULT,
  PAGE_SIZE_MAX,
  PAGE_SIZE_MIN,
  type Page,
  type PageSize,
  toPageSize,
} from "./page.ts";
export { PAGE_COUNT_MAX, PAGE_COUNT_ZERO, type PageCount, toPageCount } from "./page-count.ts";
export { PAGE_INDEX_FIRST, PAGE_INDEX_LAST, type PageIndex, toPageIndex } from "./page-index.ts";
export { decodePageSet, encodePageSet, type PageSet, pageRange, pageSetOf } from "./page-set.ts";
export { type Random, randomBytes, randomUnit } from "./random.ts";
export type { Snapshot } from "./snapshot.ts";
