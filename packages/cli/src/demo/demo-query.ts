import type { SqlValue } from "@graft/sqlite-engine";

/** A question that is asked of the fresh replica and of stock SQLite. */
export interface DemoQuery {
  readonly name: string;
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** A question this database cannot answer, and why. */
export interface SkippedQuery {
  readonly name: string;
  readonly skipped: string;
}
