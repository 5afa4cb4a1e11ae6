/** Records for tests. */
export { type RandomCommitOptions, randomCommitRecord } from "./random-records.ts";
