// Stores.
export { FileObjectStore, type FileObjectStoreOptions } from "./file-object-store.ts";
export { MemoryObjectStore } from "./memory-object-store.ts";
// Around stores.
export { MeteredObjectStore } from "./metered-object-store.ts";
// What every store promises.
export {
  type CallOptions,
  type GetOptions,
  type ListedObject,
  OBJECT_SIZE_MAX,
  type ObjectBody,
  type ObjectInfo,
  type ObjectRange,
  type ObjectStore,
  type ObjectStoreOperation,
  type StoredObject,
} from "./object-store.ts";
// Getting one: by URL. The S3 store is loaded on its first use.
export {
  type OpenedObjectStore,
  type OpenObjectStoreOptions,
  openObjectStore,
} from "./open-object-store.ts";
export { probeObjectStore } from "./probe-object-store.ts";
export {
  type ObjectStoreRequest,
  type RequestCount,
  type RequestCounts,
  type RequestListener,
  RequestMeter,
} from "./request-meter.ts";
export { RetryingObjectStore, type RetryingObjectStoreOptions } from "./retrying-object-store.ts";
export type { Environment } from "./s3-location.ts";
