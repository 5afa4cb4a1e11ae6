// Where it learns of commits.
export type { CommitSource } from "./commit-source.ts";
// Its set-up.
export { type LogLevel, type PagestoreConfig, parsePagestoreConfig } from "./config.ts";
// A PageStore to mount on a server, and a server of its own.
export {
  createPagestore,
  FRAME_CACHE_SIZE_DEFAULT,
  type PagestoreInstance,
  type PagestoreOptions,
} from "./create-pagestore.ts";
export { MetastoreCommitSource } from "./metastore-commit-source.ts";
export { Pagestore } from "./pagestore.ts";
export { type ServeMeans, type ServingPagestore, servePagestore } from "./serve.ts";
