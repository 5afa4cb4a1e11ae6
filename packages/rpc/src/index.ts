// What runs here.

// Traces.
export type { Tracer } from "@opentelemetry/api";
export { BUILD_VERSION } from "./build-info.ts";
// Clients: typed, over any transport, throwing GraftError.
export {
  createClients,
  createMetastoreClient,
  createPagestoreClient,
  type GraftClients,
  type MetastoreClient,
  type PagestoreClient,
} from "./client-transport.ts";
// Errors: the only table.
export {
  fromConnectError,
  GRAFT_ERR_STATUS,
  getRetryAfterMs,
  nothingWritten,
  saysNothingWritten,
  toConnectError,
  WIRE_CODES,
} from "./error-mapping.ts";
// What runs around calls.
export {
  type Authenticate,
  type GetToken,
  parseBearerToken,
  sendTokenInterceptor,
  tokenOf,
  tokenOptions,
} from "./interceptors/auth.ts";
export { deadlineInterceptor } from "./interceptors/deadline.ts";
export { type CallMetrics, createCallMetrics } from "./interceptors/metrics.ts";
export {
  SERVER_DEADLINE_MS,
  type ServerInterceptorOptions,
  serverInterceptors,
} from "./interceptors/server-interceptors.ts";
export { traceInterceptor } from "./interceptors/trace.ts";
// What a server tells its operator.
export { type Log, type LogFacts, silentLog } from "./log.ts";
export {
  type Counter,
  type Gauge,
  type Histogram,
  LATENCY_BUCKETS_SECONDS,
  type Labels,
  METRICS_CONTENT_TYPE,
  MetricsRegistry,
  type Sample,
} from "./metrics.ts";
export {
  type EndedRequest,
  type RequestSource,
  registerObjectStoreMetrics,
} from "./object-store-metrics.ts";
export { type Queue, registerQueue } from "./queue-metrics.ts";
// The raw v0.1 routes.
export {
  toRawCommitRequest,
  toRawGetSnapshotRequest,
  toRawPullCommitsRequest,
  toRawPullGraftRequest,
  toRawReadPagesRequest,
  toRawWritePagesRequest,
} from "./raw/raw-requests.ts";
export {
  createRawRoute,
  invalidRequestBody,
  type LentBytes,
  parseMessage,
  RAW_CONTENT_TYPE,
  type RawContext,
  type RawRoute,
  toRawError,
} from "./raw/raw-route.ts";
export {
  COMMIT_WORDS,
  inWordsOf,
  PULL_WORDS,
  RAW_WORDS,
  READ_WORDS,
  type RouteWords,
  WRITE_WORDS,
} from "./raw/raw-words.ts";
export { envelopeOf, type StreamRoute, type StreamSink } from "./raw/stream-route.ts";
export { createReadTally, type ReadTally, type ReadTier } from "./read-metrics.ts";
export { traceObjectStore } from "./tracing/trace-object-store.ts";
// What a volume may have.
export { type VolumeSize, volumeTooLarge } from "./volume-size.ts";
// Wire ↔ domain: what more than one call uses.
export {
  fromCommit,
  fromLowPageCount,
  toCommit,
  toLowPageCount,
  type WireCommit,
} from "./wire/commit.ts";
export {
  type CommitMetadata,
  fromCommitMetadata,
  toCommitMetadata,
} from "./wire/commit-metadata.ts";
export {
  type CommitAnswer,
  type CommitRequest,
  fromCommitAnswer,
  fromCommitRequest,
  toCommitAnswer,
  toCommitRequest,
} from "./wire/commit-request.ts";
// Wire ↔ domain: MetastoreService.
export {
  type CreateVolumeAnswer,
  type CreateVolumeRequest,
  fromCreateVolumeAnswer,
  fromCreateVolumeRequest,
  toCreateVolumeAnswer,
  toCreateVolumeRequest,
} from "./wire/create-volume.ts";
export { FRAME_HASH_SIZE, fromFrame, toFrame, type WireFrame } from "./wire/frame.ts";
export {
  fromGetSnapshotAnswer,
  fromGetSnapshotRequest,
  type GetSnapshotRequest,
  toGetSnapshotAnswer,
  toGetSnapshotRequest,
} from "./wire/get-snapshot.ts";
export { fromLsnRange, toLsnRange } from "./wire/lsn-range.ts";
export { fromPage, toPage } from "./wire/page.ts";
export { pageListSize, writePageList } from "./wire/page-list.ts";
export { fromPageSet, toPageSet } from "./wire/page-set.ts";
export { type Present, present } from "./wire/present.ts";
export {
  fromPullCommitsAnswer,
  fromPullCommitsRequest,
  type PullCommitsAnswer,
  type PullCommitsRequest,
  toPullCommitsAnswer,
  toPullCommitsRequest,
} from "./wire/pull-commits.ts";
export {
  fromPullGraftAnswer,
  fromPullGraftRequest,
  type PullGraftAnswer,
  type PullGraftRequest,
  toPullGraftAnswer,
  toPullGraftRequest,
} from "./wire/pull-graft.ts";
// Wire ↔ domain: PagestoreService.
export type { QueryEnd, QueryHint, QueryStatement, QueryValue } from "./wire/query-hint.ts";
export {
  isQueryHintWithinBounds,
  QUERY_PAGE_BUDGET_MAX,
  QUERY_TIME_BUDGET_DEFAULT_MS,
  QUERY_TIME_BUDGET_MAX_MS,
} from "./wire/query-hint.ts";
export {
  fromReadPagesAnswer,
  fromReadPagesAnswerBinary,
  fromReadPagesRequest,
  type ReadPagesAnswer,
  type ReadPagesRequest,
  toReadPagesAnswer,
  toReadPagesRequest,
} from "./wire/read-pages.ts";
export { fromSegmentInfo, type SegmentInfo, toSegmentInfo } from "./wire/segment-info.ts";
export { fromSnapshot, toSnapshot } from "./wire/snapshot.ts";
export {
  fromStreamPagesAnswer,
  fromStreamPagesAnswerBinary,
  fromStreamPagesRequest,
  type StreamPagesRequest,
  toStreamPagesAnswer,
  toStreamPagesRequest,
} from "./wire/stream-pages.ts";
export {
  fromWatchEvent,
  fromWatchRequest,
  toWatchEvent,
  toWatchRequest,
  WATCH_HEARTBEAT_MS,
  WATCH_WAIT_MS_MAX,
  type WatchEvent,
  type WatchNews,
  type WatchRequest,
} from "./wire/watch.ts";
export {
  fromWritePagesAnswer,
  fromWritePagesRequest,
  toWritePagesAnswer,
  toWritePagesRequest,
  type WritePagesRequest,
} from "./wire/write-pages.ts";
