import type { Statement } from "@graft/sqlite-engine";
import type { Connection } from "./connection.ts";
import type { StatementLease, StatementRequest } from "./statement-host.ts";
import { type UpcomingQuery, upcomingOf } from "./upcoming-query.ts";

const PRAGMA = /^\s*pragma\b/i;

/** A statement of this connection: an idle one with the same text, or a new one. */
export function leaseStatement(
  connection: Connection,
  request: StatementRequest,
): StatementLease | Promise<StatementLease> {
  const key = statementKeyOf(request);
  if (key === undefined) return prepareLease(connection, request, undefined);
  const statement = connection.tryTake(key);
  if (statement === undefined) return prepareLease(connection, request, key);
  return leaseOf(connection, statement, key, upcomingOf(request));
}

/**
 * @param key undefined for a statement that acts, or answers, when it is compiled: a second run
 *   would repeat the answer
 */
async function prepareLease(
  connection: Connection,
  request: StatementRequest,
  key: string | undefined,
): Promise<StatementLease> {
  const upcoming = upcomingOf(request);
  const statement = await connection.prepare(request.sql, request.signal, upcoming);
  if (request.readsBigInts) statement.setReadBigInts(true);
  return leaseOf(connection, statement, key, upcoming);
}

/** Pages that are missed until it is given back are missed by this execution. */
function leaseOf(
  connection: Connection,
  statement: Statement,
  key: string | undefined,
  upcoming: UpcomingQuery,
): StatementLease {
  statement.setOwner(upcoming);
  const giveBack = (): void => {
    statement.setOwner(undefined);
    if (key === undefined) connection.drop(statement);
    else connection.give(key, statement);
  };
  return { statement, giveBack };
}

/**
 * Under which name an idle statement is kept: two with one text differ in how they read integers.
 * Undefined for pragmas.
 */
export function statementKeyOf({
  sql,
  readsBigInts,
}: Pick<StatementRequest, "sql" | "readsBigInts">): string | undefined {
  if (PRAGMA.test(sql)) return undefined;
  return readsBigInts ? `\0${sql}` : sql;
}
