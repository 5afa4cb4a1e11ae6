/** Random SQL histories, how to compare two databases by them, and stock SQLite to compare with. */
export {
  contentQueries,
  runSqlHistory,
  type SqlHistory,
  type SqlSubject,
} from "./compare-sql.ts";
export { nextSqlStep, type SqlStep } from "./random-sql.ts";
export { StockDatabase } from "./stock-database.ts";
