/** Records for tests, whole and damaged. */
export { type RandomCommitOptions, randomCommitRecord } from "./random-records.ts";
export { reseal } from "./reseal.ts";
