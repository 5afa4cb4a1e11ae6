/**
 * What a client is about to run, as a hint: a server may run it for its reads and answer with the
 * pages that it touches.
 */
import { create } from "@bufbuild/protobuf";
import type { PageSet } from "@graft/core";
import {
  type PrefetchHint,
  QueryEnd as QueryEndMessage,
  type QueryStatement as QueryStatementMessage,
  QueryStatementSchema,
  type QueryValue as QueryValueMessage,
  QueryValueSchema,
} from "@graft/proto-gen/pagestore";
import { fromOptionalPageSet, toPageSet } from "./page-set.ts";
import { present } from "./present.ts";

/** Statements of one hint at most. */
export const QUERY_STATEMENT_COUNT_MAX = 16;
/** UTF-16 units of one statement at most. */
export const QUERY_SQL_SIZE_MAX: number = 64 * 1024;
/** Values of one statement at most. */
export const QUERY_VALUE_COUNT_MAX = 2000;
/** Bytes of all values of a hint at most, as the message has them. */
export const QUERY_VALUES_SIZE_MAX: number = 256 * 1024;
/** How long pages that were asked for may wait for those that a statement touches, ms. */
export const QUERY_TIME_BUDGET_DEFAULT_MS = 50;
export const QUERY_TIME_BUDGET_MAX_MS = 250;
/** Pages that a run may add. */
export const QUERY_PAGE_BUDGET_MAX = 1024;

/** What can be bound. */
export type QueryValue = null | bigint | number | string | Uint8Array;

/** One statement, as it is about to be run. */
export interface QueryStatement {
  readonly sql: string;
  /** For the parameters without a name, in order. */
  readonly values: readonly QueryValue[];
  /** By name, with or without its prefix. */
  readonly named?: Readonly<Record<string, QueryValue>>;
  /** Rows that will be read. Absent: all. */
  readonly rowLimit?: number;
}

export interface QueryHint {
  /** In order, as one transaction. Never empty. */
  readonly statements: readonly QueryStatement[];
  /** What the client holds at the snapshot: not sent because of the statements. */
  readonly held?: PageSet;
  /** Default 50, at most 250 ms. */
  readonly timeBudgetMs?: number;
  /** Default and at most 1024. */
  readonly pageBudget?: number;
}

/**
 * How a run of the statements ended: to its end; a budget was used up; not of the kind that is run;
 * it failed.
 */
export type QueryEnd = "done" | "stopped" | "refused" | "failed";

const ENDS: Readonly<Record<QueryEnd, QueryEndMessage>> = {
  done: QueryEndMessage.DONE,
  stopped: QueryEndMessage.STOPPED,
  refused: QueryEndMessage.REFUSED,
  failed: QueryEndMessage.FAILED,
};

/**
 * The query of a hint; undefined when there is none, or one beyond the bounds: then nothing is run.
 *
 * @throws GraftError `invalid-argument` when `held` is no page set
 */
export function toQueryHint(message: PrefetchHint | undefined): QueryHint | undefined {
  if (message === undefined || message.statements.length === 0) return undefined;
  if (!isWithinBounds(message)) return undefined;
  return present({
    statements: message.statements.map(toStatement),
    held: message.held.length === 0 ? undefined : toPageSet(message.held),
    timeBudgetMs: message.timeBudgetMs,
    pageBudget: message.pageBudget,
  });
}

/** The fields of a hint that tell the query. */
export function fromQueryHint(hint: QueryHint): {
  statements: QueryStatementMessage[];
  held?: Uint8Array;
  timeBudgetMs?: number;
  pageBudget?: number;
} {
  return present({
    statements: hint.statements.map(fromStatement),
    held: fromOptionalPageSet(hint.held),
    timeBudgetMs: hint.timeBudgetMs,
    pageBudget: hint.pageBudget,
  });
}

/**
 * Whether a server would look at this hint at all: what is beyond the bounds is not worth sending.
 */
export function isQueryHintWithinBounds(hint: QueryHint): boolean {
  const { statements } = fromQueryHint(hint);
  return isWithinBounds({ statements });
}

export function toQueryEnd(message: QueryEndMessage): QueryEnd | undefined {
  for (const [end, value] of Object.entries(ENDS)) if (value === message) return end as QueryEnd;
  return undefined;
}

export function fromQueryEnd(end: QueryEnd | undefined): QueryEndMessage {
  return end === undefined ? QueryEndMessage.UNSPECIFIED : ENDS[end];
}

function isWithinBounds({ statements }: Pick<PrefetchHint, "statements">): boolean {
  if (statements.length > QUERY_STATEMENT_COUNT_MAX) return false;
  let size = 0;
  for (const { sql, values } of statements) {
    if (sql.length > QUERY_SQL_SIZE_MAX || values.length > QUERY_VALUE_COUNT_MAX) return false;
    for (const { kind } of values) {
      if (kind.case === "text" || kind.case === "blob") size += kind.value.length;
    }
  }
  return size <= QUERY_VALUES_SIZE_MAX;
}

function toStatement(message: QueryStatementMessage): QueryStatement {
  const named = message.values.filter(({ name }) => name !== undefined);
  return present({
    sql: message.sql,
    values: message.values.filter(({ name }) => name === undefined).map(toValue),
    named:
      named.length === 0
        ? undefined
        : Object.fromEntries(named.map((value) => [value.name ?? "", toValue(value)])),
    rowLimit: message.rowLimit,
  });
}

function fromStatement({ sql, values, named, rowLimit }: QueryStatement): QueryStatementMessage {
  const all = [
    ...Object.entries(named ?? {}).map(([name, value]) => fromValue(value, name)),
    ...values.map((value) => fromValue(value)),
  ];
  return create(QueryStatementSchema, present({ sql, values: all, rowLimit }));
}

function toValue({ kind }: QueryValueMessage): QueryValue {
  return kind.value ?? null;
}

function fromValue(value: QueryValue, name?: string): QueryValueMessage {
  return create(QueryValueSchema, present({ kind: kindOf(value), name }));
}

function kindOf(value: QueryValue): QueryValueMessage["kind"] {
  switch (typeof value) {
    case "bigint":
      return { case: "integer", value };
    case "number":
      return { case: "real", value };
    case "string":
      return { case: "text", value };
    default:
      return value === null ? { case: undefined } : { case: "blob", value };
  }
}
