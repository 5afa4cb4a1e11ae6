import type { Connection } from "./connection.ts";
import type { StatementLease, StatementRequest } from "./statement-host.ts";
import { UpcomingQuery } from "./upcoming-query.ts";

const PRAGMA = /^\s*pragma\b/i;

/**
 * A statement of this connection: an idle one with the same text, or a new one. Pages that are
 * missed until it is given back are missed by it.
 */
export function leaseStatement(
  connection: Connection,
  request: StatementRequest,
): StatementLease | Promise<StatementLease> {
  connection.vfs.upcoming = new UpcomingQuery(request);
  const key = statementKeyOf(request);
  if (key === undefined) return leaseOnce(connection, request);
  const statement = connection.tryTake(key);
  if (statement === undefined) return prepareLease(connection, request, key);
  return leaseOf(connection, statement, () => connection.give(key, statement));
}

async function prepareLease(
  connection: Connection,
  request: StatementRequest,
  key: string,
): Promise<StatementLease> {
  const statement = await connection.prepare(request.sql, request.signal);
  if (request.readsBigInts) statement.setReadBigInts(true);
  return leaseOf(connection, statement, () => connection.give(key, statement));
}

/**
 * For a statement that acts, or answers, when it is compiled: a second run would repeat the answer.
 */
async function leaseOnce(
  connection: Connection,
  request: StatementRequest,
): Promise<StatementLease> {
  const statement = await connection.prepare(request.sql, request.signal);
  if (request.readsBigInts) statement.setReadBigInts(true);
  return leaseOf(connection, statement, () => connection.drop(statement));
}

function leaseOf(
  { vfs }: Connection,
  statement: StatementLease["statement"],
  put: () => void,
): StatementLease {
  const giveBack = (): void => {
    vfs.upcoming = undefined;
    put();
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
