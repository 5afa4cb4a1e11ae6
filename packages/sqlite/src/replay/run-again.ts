import { SqliteError } from "@graft/sqlite-engine";
import type { Connection } from "../connection/connection.ts";
import { begin, runOnce, type TransactionFunction, type TransactionHost } from "../transaction.ts";
import type { RecordedStatement } from "./recorded-transaction.ts";
import type { TransactionLabel } from "./transaction-recorder.ts";

/** A connection that runs transactions again keeps nothing between them. */
const HOST: TransactionHost = {
  touchesConnectionState: () => false,
  refreshConnectionState: async () => undefined,
};

/** Runs recorded statements again, in a transaction of their own, with the values they had. */
export async function runStatementsAgain(
  connection: Connection,
  statements: readonly RecordedStatement[],
  label: TransactionLabel,
  signal: AbortSignal | undefined,
): Promise<void> {
  const runAll = async (): Promise<void> => {
    for (const one of statements) await runStatement(connection, one, signal);
  };
  await runFunctionAgain(connection, runAll, label, signal);
}

/** Runs a function again: what it decides now counts. */
export async function runFunctionAgain(
  connection: Connection,
  fn: TransactionFunction,
  label: TransactionLabel,
  signal: AbortSignal | undefined,
): Promise<void> {
  await begin(connection, signal);
  await runOnce(HOST, connection, fn, { signal, label });
}

async function runStatement(
  connection: Connection,
  recorded: RecordedStatement,
  signal: AbortSignal | undefined,
): Promise<void> {
  const statement = await connection.prepare(recorded.sql, signal);
  const { recorder } = connection;
  // After it was compiled: that may run statements of its own.
  if (recorder !== undefined) recorder.played = recorded;
  try {
    const view = signal === undefined ? statement : statement.with({ signal });
    await view.run(...recorded.parameters);
  } catch (error) {
    const isExpected = recorded.mayFail && error instanceof SqliteError;
    if (!isExpected || !connection.inTransaction) throw error;
  } finally {
    if (recorder !== undefined) recorder.played = undefined;
    await statement.finalize();
  }
}
