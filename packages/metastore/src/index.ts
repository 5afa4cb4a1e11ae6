// A MetaStore to mount on a server, and a server of its own.

// Its set-up.
export {
  type LogLevel,
  type MetastoreConfig,
  parseMetastoreConfig,
} from "./config.ts";
export {
  COMMIT_DEADLINE_MS,
  createMetastore,
  type MetastoreInstance,
  type MetastoreOptions,
  RECORD_CACHE_SIZE_DEFAULT,
} from "./create-metastore.ts";
export { type FoundSnapshot, Metastore } from "./metastore.ts";
// How it learns of other nodes.
export type { HintBus, HintListener, HintMessage } from "./notify/hint-bus.ts";
export {
  type Notify,
  type NotifyConfig,
  openNotify,
  parseNotify,
} from "./notify/notify-config.ts";
export { type ServeMeans, type ServingMetastore, serveMetastore } from "./serve.ts";
