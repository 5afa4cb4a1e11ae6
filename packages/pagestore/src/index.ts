// Where it learns of commits.
export type { CommitSource } from "./commit-source.ts";
// Its set-up.
export {
  type DiskCacheConfig,
  type LogLevel,
  type PagestoreConfig,
  parsePagestoreConfig,
  parseRunQueries,
} from "./config.ts";
// A PageStore to mount on a server, and a server of its own.
export {
  createPagestore,
  FRAME_CACHE_SIZE_DEFAULT,
  type PagestoreInstance,
  type PagestoreOptions,
} from "./create-pagestore.ts";
// Frames that survive a restart.
export { DiskFrameCache, type DiskFrameCacheStats } from "./frame-cache/disk-frame-cache.ts";
export {
  DISK_CACHE_SIZE_DEFAULT,
  type DiskFrameCacheOptions,
  openDiskFrameCache,
} from "./frame-cache/open-disk-frame-cache.ts";
export { MetastoreCommitSource } from "./metastore-commit-source.ts";
export { Pagestore } from "./pagestore.ts";
// Queries that come with reads, run for the pages they touch.
export { openQueryPool } from "./query/open-query-pool.ts";
export {
  QUERY_THREAD_COUNT_DEFAULT,
  QueryPool,
  type QueryPoolOptions,
} from "./query/query-pool.ts";
export type {
  QueryRun,
  QueryRunner,
  RunnableQuery,
  SnapshotPages,
} from "./query/query-runner.ts";
export { type ServeMeans, type ServingPagestore, servePagestore } from "./serve.ts";
export { PAGESTORE_USUAL_SIZES } from "./service/routes.ts";
