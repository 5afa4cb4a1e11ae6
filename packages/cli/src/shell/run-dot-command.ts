import { describeStatus } from "../replica/describe-status.ts";
import { DOT_HELP, type DotCommand } from "./dot-command.ts";
import type { ShellSession } from "./shell-session.ts";

/** What is left to do for whoever reads the lines. */
export type DotOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "quit" }
  | { readonly kind: "read"; readonly file: string };

const DONE: DotOutcome = { kind: "done" };

/** @throws SqliteError, GraftError */
export async function runDotCommand(
  session: ShellSession,
  command: DotCommand,
  signal: AbortSignal,
): Promise<DotOutcome> {
  switch (command.kind) {
    case "quit":
      return { kind: "quit" };
    case "read":
      return command;
    case "help":
      for (const [usage, help] of DOT_HELP) session.write(`${usage.padEnd(34)}${help}\n`);
      return DONE;
    case "tables":
      await writeColumn(session, TABLES_SQL, command.pattern, signal);
      return DONE;
    case "schema":
      await writeColumn(session, SCHEMA_SQL, command.pattern, signal);
      return DONE;
    case "mode":
      if (command.mode === undefined) session.write(`${session.mode}\n`);
      else session.mode = command.mode;
      return DONE;
    case "timing":
      session.isTiming = command.isOn ?? !session.isTiming;
      session.note(`timing is ${session.isTiming ? "on" : "off"}`);
      return DONE;
    case "status":
      session.write(`${describeStatus(session.volume.status(), session.tag)}\n`);
      return DONE;
    case "push":
      return await push(session, signal);
    case "pull":
      return await pull(session, signal);
  }
}

const TABLES_SQL =
  "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') " +
  "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name LIKE ? ORDER BY name";
const SCHEMA_SQL =
  "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name LIKE ? " +
  "AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid";

async function writeColumn(
  session: ShellSession,
  sql: string,
  pattern: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const statement = session.database.prepare(sql).with({ signal }).pluck();
  for await (const value of statement.iterate(pattern ?? "%")) session.write(`${value}\n`);
}

async function push(session: ShellSession, signal: AbortSignal): Promise<DotOutcome> {
  const result = await session.database.push({ signal });
  session.note(
    result.kind === "pushed"
      ? `pushed ${result.commitCount} commit(s), ${result.pageCount} page(s), as LSN ${result.lsn}`
      : "nothing to push",
  );
  return DONE;
}

async function pull(session: ShellSession, signal: AbortSignal): Promise<DotOutcome> {
  const { lsn, changedPageCount } = await session.database.pull({ signal });
  session.note(`${changedPageCount} page(s) changed; at LSN ${lsn ?? "none"}`);
  return DONE;
}
