/** What every catalog keeps, and commits to fill one with. */
export { catalogCommits } from "./catalog-commits.ts";
export { volumeCatalogContract } from "./contract.ts";
