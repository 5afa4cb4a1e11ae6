// The interface, and what it guarantees.

// Commits for it.
export { decodeCatalogCommit, hasFrameData } from "./catalog-commit.ts";
// Checkpoints.
export type { CheckpointObjects, ObjectReader } from "./checkpoint-objects.ts";
export { CheckpointReader, type StoredRoot } from "./checkpoint-reader.ts";
export { CheckpointWriter, type CheckpointWriterMeans } from "./checkpoint-writer.ts";
// Catalogs.
export { MemoryVolumeCatalog, type MemoryVolumeCatalogOptions } from "./memory-volume-catalog.ts";
export { mustHoldPages, readFooter } from "./read-footer.ts";
export { SizedCache } from "./sized-cache.ts";
export type {
  CatalogCommit,
  CatalogExtent,
  CatalogFrame,
  CatalogRecord,
  VolumeCatalog,
} from "./volume-catalog.ts";
