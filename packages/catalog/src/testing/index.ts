/**
 * What every catalog keeps, commits to fill one with, and volumes of any size without their pages.
 */
export { catalogCommits } from "./catalog-commits.ts";
export { volumeCatalogContract } from "./contract.ts";
export { CountedObjects } from "./counted-objects.ts";
export { fieldsOf, SyntheticVolume } from "./synthetic-volume.ts";
