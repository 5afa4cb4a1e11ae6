/** The limits of DESIGN §8, checked before memory is taken. Sizes are bytes. */
const KIB = 1024;
const MIB = 1024 * KIB;

/** A request body on any route: four `WritePages` of headroom. */
export const REQUEST_BODY_SIZE_MAX: number = 32 * MIB;
/** Pages one `ReadPages` may name: 1024 × 4 KiB = 4 MiB, one answer's worth. */
export const READ_PAGES_COUNT_MAX = 1024;
/** Page bytes of an answer when the client names no budget: stock gRPC clients refuse > 4 MiB. */
export const READ_PAGES_BUDGET_DEFAULT: number = 3 * MIB;
/** Page bytes of an answer at the very most; with framing it stays below 8 MiB. */
export const READ_PAGES_BUDGET_MAX: number = 7 * MIB;
/** Page bytes in one `WritePages`. */
export const WRITE_PAGES_SIZE_MAX: number = 8 * MIB;
export const SEGMENT_SIZE_MAX: number = 32 * MIB;
/** Page bytes that travel inside a commit instead of in a segment. */
export const INLINE_PAGES_SIZE_MAX: number = 128 * KIB;
export const COMMIT_SEGMENT_COUNT_MAX = 65_536;
export const COMMIT_RECORD_SIZE_MAX: number = 16 * MIB;
/** Frame indexes beyond this stay in the segments' footers. */
export const COMMIT_FRAME_INDEX_SIZE_MAX: number = MIB;
/** User metadata of a commit: message and app transaction id together. */
export const COMMIT_METADATA_SIZE_MAX: number = 4 * KIB;
/** A `PullCommits` answer; at least one commit is always in it. */
export const PULL_COMMITS_SIZE_MAX: number = 4 * MIB;
export const WATCH_VOLUME_COUNT_MAX = 10_000;
/** Uncompressed pages of a frame: whichever comes first. */
export const FRAME_PAGE_COUNT_MAX = 64;
export const FRAME_SIZE_MAX: number = 256 * KIB;
/** Segments older than this are refused by `Commit` unless its base names them. */
export const SEGMENT_AGE_MAX_MS: number = 24 * 60 * 60 * 1000;
/** A node whose clock differs more from its object store's refuses to commit. */
export const CLOCK_SKEW_MAX_MS: number = 10 * 60 * 1000;
/** Entries of a shrink list. */
export const SHRINK_LIST_COUNT_MAX = 256;
