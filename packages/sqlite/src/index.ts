// Conflicts.

export type { PrefetchOptions } from "@graft/client";
export {
  type ConflictPolicy,
  type ConflictResolution,
  isConflictPolicy,
  type RebaseOutcome,
} from "./conflict/conflict-policy.ts";
export {
  type DatabaseOutbox,
  describeRejected,
  type OutboxEntry,
  readRecorded,
} from "./conflict/database-outbox.ts";
export type { SaveMeans } from "./conflict/save-work.ts";
// SQLite on a volume.
export {
  BUSY_TIMEOUT_MS_DEFAULT,
  Database,
  type DatabaseEvents,
  type ExportRequest,
} from "./database.ts";
export type { DatabaseOptions, Traffic } from "./database-options.ts";
// Plain SQLite files, in and out.
export {
  type ExportOptions,
  type ExportResult,
  exportDatabase,
} from "./export/export-database.ts";
export {
  SPILL_MEMORY_MAX,
  SpillArea,
  type SpillAreaOptions,
  type SpillDisk,
} from "./file/spill-area.ts";
export { type ImportSource, type OpenImportOptions, openImport } from "./import/open-import.ts";
export {
  type OpenDatabaseMeans,
  type OpenDatabaseOptions,
  openDatabaseWith,
  TAG_DEFAULT,
} from "./open-database.ts";
// For tools around it.
export { parsePageList } from "./pragma/page-list.ts";
export type {
  ActionOptions,
  HydrateRequest,
  PushRequest,
  ResetOutcome,
  ResetRequest,
  VolumeActions,
} from "./pragma/pragma-context.ts";
export type { PreparedQuery, QueryOptions } from "./prepared-query.ts";
export type {
  RecordedContent,
  RecordedStatement,
  RecordedTransaction,
} from "./replay/recorded-transaction.ts";
export { type SplitSql, splitSql } from "./sql/split-sql.ts";
export { StatementSplitter } from "./sql/statement-splitter.ts";
export { isBusy, resultCodeOf } from "./sqlite-error.ts";
export type { Transaction, TransactionFunction, TransactionOptions } from "./transaction.ts";
export { GRAFT_VERSION } from "./version.ts";
export { createVolumeActions, type VolumeActionsOptions } from "./volume-actions.ts";
