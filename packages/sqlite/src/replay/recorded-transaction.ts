import type { NamedParameters, SqlValue } from "@graft/sqlite-engine";

/** What is kept of a write transaction beside its pages: how to run it again. */
export interface RecordedTransaction {
  /** As the application called it. */
  readonly name: string | undefined;
  readonly content: RecordedContent;
}

export type RecordedContent =
  | { readonly kind: "statements"; readonly statements: readonly RecordedStatement[] }
  /** Nobody wrote its statements down: only its function can run it again. */
  | { readonly kind: "not-recorded" }
  /** It cannot be run again from here, for this reason. */
  | { readonly kind: "refused"; readonly reason: string };

/** One statement that wrote, with all that its outcome depended on besides the database. */
export interface RecordedStatement {
  readonly sql: string;
  readonly parameters: RecordedParameters;
  /** What SQL's "now" was, ms since 1970. */
  readonly timeMs: number;
  /** Key of the stream that `random()` and `randomblob()` drew from, if they did. */
  readonly chance: Uint8Array | undefined;
  /** It failed and kept what it had changed before (`OR FAIL`): it may fail again. */
  readonly mayFail: boolean;
}

/** Values as SQLite took them: `1n` stands for INTEGER, `1` for REAL. */
export type RecordedParameters =
  | readonly SqlValue[]
  | readonly [NamedParameters, ...(readonly SqlValue[])];
