import { formatBytes, formatDuration } from "../format-units.ts";
import { createRowPrinter } from "./row-format.ts";
import type { ShellSession } from "./shell-session.ts";

/**
 * Runs one statement and prints its rows.
 *
 * @throws SqliteError, GraftError
 */
export async function runStatement(
  session: ShellSession,
  sql: string,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = session;
  const startMs = clock.monotonicMs();
  const before = session.traffic();
  const rowCount = await printRows(session, sql, signal);
  if (!session.isTiming) return;
  const ms = clock.monotonicMs() - startMs;
  const { requests, bytesUp, bytesDown } = session.traffic();
  const bytes = bytesUp + bytesDown - before.bytesUp - before.bytesDown;
  session.note(
    `${rowCount} row(s) in ${formatDuration(ms)}, ${requests - before.requests} request(s), ` +
      formatBytes(bytes),
  );
}

async function printRows(session: ShellSession, sql: string, signal: AbortSignal): Promise<number> {
  const statement = session.database.prepare(sql).with({ signal });
  statement.setReadBigInts(true);
  const columns = (await statement.columns()).map((column) => column.name);
  if (columns.length === 0) {
    await statement.run();
    return 0;
  }
  const { mode, write } = session;
  const printer = createRowPrinter({ mode, columns, write });
  let rowCount = 0;
  try {
    for await (const row of statement.raw().iterate()) {
      printer.row(row);
      rowCount++;
    }
  } finally {
    printer.end();
  }
  return rowCount;
}
