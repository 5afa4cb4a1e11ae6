// The engine: SQLite compiled once, one instance for each connection.

export { QUEUED_CALLS_MAX } from "./call-queue.ts";
export type { ColumnInfo } from "./column-info.ts";
// SQL of strangers: one instance, one run, bounds on everything.
export type {
  ConfinedEnd,
  ConfinedOptions,
  ConfinedRun,
  ConfinedStatement,
} from "./confined/confined-instance.ts";
export { ConfinedInstance, STEPS_PER_LOOK } from "./confined/confined-instance.ts";
export { CONFINED_SQL_SIZE_MAX } from "./confined/confined-limits.ts";
export type { CallOptions, EngineInstanceOptions } from "./engine-instance.ts";
export { EngineInstance } from "./engine-instance.ts";
export type { Engine } from "./load-engine.ts";
export { HEAP_BYTES_MAX, loadEngine } from "./load-engine.ts";
export type { MemoryDisk } from "./memory-vfs.ts";
export { MemoryContent, MemoryFile, MemoryVfs } from "./memory-vfs.ts";
// How it waits, and what this runtime can do.
export type { MissStrategyKind } from "./miss-strategy.ts";
export type { NamedParameters, Parameters } from "./parameters.ts";
export {
  primaryCode,
  resultCodeName,
  SQLITE_ABORT,
  SQLITE_BUSY,
  SQLITE_BUSY_SNAPSHOT,
  SQLITE_CANTOPEN,
  SQLITE_CONSTRAINT,
  SQLITE_CORRUPT,
  SQLITE_DONE,
  SQLITE_ERROR,
  SQLITE_FULL,
  SQLITE_INTERNAL,
  SQLITE_INTERRUPT,
  SQLITE_IOERR,
  SQLITE_IOERR_DELETE,
  SQLITE_IOERR_FSYNC,
  SQLITE_IOERR_READ,
  SQLITE_IOERR_SHORT_READ,
  SQLITE_IOERR_TRUNCATE,
  SQLITE_IOERR_WRITE,
  SQLITE_LOCKED,
  SQLITE_MISUSE,
  SQLITE_NOMEM,
  SQLITE_NOTADB,
  SQLITE_NOTFOUND,
  SQLITE_OK,
  SQLITE_PERM,
  SQLITE_PROTOCOL,
  SQLITE_READONLY,
  SQLITE_ROW,
  SQLITE_TOOBIG,
  toRollbackCode,
} from "./result-codes.ts";
export { RowIterator } from "./row-iterator.ts";
export type { SqlRow } from "./row-reader.ts";
export type { SqliteErrorOptions } from "./sqlite-error.ts";
// Failures in SQLite's own words.
export { SqliteError } from "./sqlite-error.ts";
// Statements, and values in and out.
export type { RunResult, StatementOptions } from "./statement.ts";
export { Statement, WOULD_WAIT } from "./statement.ts";
export type { StatementJournal, StatementRun } from "./statement-journal.ts";
export type { RunMode } from "./statement-kind.ts";
export type { SqlParameter, SqlValue } from "./values.ts";
// The seam to whatever keeps the pages.
export type {
  FetchRequest,
  LockLevel,
  PragmaAnswer,
  Vfs,
  VfsFile,
  VfsFileKind,
  VfsOpenRequest,
} from "./vfs.ts";
export {
  LOCK_EXCLUSIVE,
  LOCK_NONE,
  LOCK_PENDING,
  LOCK_RESERVED,
  LOCK_SHARED,
  MISS,
} from "./vfs.ts";
export { canSuspend } from "./web-assembly.ts";
