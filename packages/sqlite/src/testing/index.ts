/** Random SQL histories, and how to compare two databases by them. */
export {
  contentQueries,
  runSqlHistory,
  type SqlHistory,
  type SqlSubject,
} from "./compare-sql.ts";
export { nextSqlStep, type SqlStep } from "./random-sql.ts";
