// The interface, and what it guarantees.

// Commits for it.
export { decodeCatalogCommit, hasFrameData } from "./catalog-commit.ts";
// Catalogs.
export { MemoryVolumeCatalog, type MemoryVolumeCatalogOptions } from "./memory-volume-catalog.ts";
export type {
  CatalogCommit,
  CatalogExtent,
  CatalogFrame,
  CatalogRecord,
  VolumeCatalog,
} from "./volume-catalog.ts";
