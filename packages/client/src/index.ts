// All volumes of one client.

export type { QueryStatement, QueryValue } from "@graft/rpc";
export { checkTag } from "./data-directory.ts";
export type { ImportRequest, ImportResult } from "./import-pages.ts";
// What may come along with a read.
export { FetchAllowance, type FetchNeed } from "./prefetch/fetch-allowance.ts";
export type { PrefetchOptions } from "./prefetch/prefetch-budget.ts";
// The services as a replica sees them.
export { type ConnectRemoteParts, createConnectRemote } from "./remote/connect-remote.ts";
export type {
  BundledPages,
  CommitPage,
  CoveredPages,
  ReadBundleRequest,
  ReadPagesRequest,
  Remote,
  RemoteChanges,
  RemoteCommitAnswer,
  RemoteCommitInfo,
  RemoteCommitRequest,
  RemoteEvent,
  RemoteNews,
  UploadedSegment,
} from "./remote/remote.ts";
export type { TokenSource } from "./remote/token-source.ts";
export { type NewVolumeOptions, Runtime, type RuntimeOptions } from "./runtime.ts";
// What a replica keeps.
export { type LocalStoreOptions, openLocalStore } from "./store/durable/open-local-store.ts";
export type {
  LocalState,
  LocalStore,
  NewLocalCommit,
  Pin,
  PreparedPush,
  RemotePoint,
} from "./store/local-store.ts";
export type { NewPages, PageStage } from "./store/page-stage.ts";
// A volume, its snapshots and its write transaction.
export type {
  CallOptions,
  HydrateOptions,
  HydrateResult,
  LocalCommit,
  Progress,
  PullResult,
  PushOptions,
  PushResult,
  RebaseOptions,
  RebaseResult,
  RejectedTransaction,
  RejectionReason,
  ReplayOutcome,
  ResetOptions,
  ResetResult,
  SetAsideTransaction,
  SyncHealth,
  SyncPolicy,
  SyncResult,
  SyncStateKind,
  TransactionEvent,
  TransactionFate,
  Volume,
  VolumeEvents,
  VolumeOutbox,
  VolumeStatus,
} from "./volume.ts";
export type { VolumeReader } from "./volume-reader.ts";
export type {
  CommitNote,
  LocalCommitOutcome,
  LocalCommitRequest,
  VolumeWriter,
} from "./volume-writer.ts";
// What happened on the server, for all volumes over one stream.
export { createNewsFeed, type NewsFeedOptions } from "./watch/create-news-feed.ts";
export type { NewsFeed, NewsSubscriber, NewsSubscription } from "./watch/news-feed.ts";
