// A MetaStore to mount on a server, and a server of its own.

// Its set-up.
export {
  type LogLevel,
  type MetastoreConfig,
  parseMetastoreConfig,
  parseNotify,
} from "./config.ts";
export {
  COMMIT_DEADLINE_MS,
  createMetastore,
  type MetastoreInstance,
  type MetastoreOptions,
  RECORD_CACHE_SIZE_DEFAULT,
} from "./create-metastore.ts";
export type { Notify } from "./known-heads.ts";
export { type FoundSnapshot, Metastore } from "./metastore.ts";
export { type ServeMeans, type ServingMetastore, serveMetastore } from "./serve.ts";
