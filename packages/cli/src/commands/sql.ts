import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { openDatabaseOf } from "../replica/open-database-of.ts";
import { findVolume, openReplica } from "../replica/open-replica.ts";
import { parseMode } from "../shell/dot-command.ts";
import { History } from "../shell/history.ts";
import type { Mode } from "../shell/row-format.ts";
import { runInteractive } from "../shell/run-interactive.ts";
import { runArguments, runLines } from "../shell/run-script.ts";
import type { ShellSession } from "../shell/shell-session.ts";

/** `graft sql TAG [SQL …]`: statements from arguments, from stdin, or typed in a shell. */
export const sql: Command = {
  name: "sql",
  summary: "run SQL: from arguments, from stdin, or in a shell",
  positionals: "TAG [SQL …]",
  positionalCount: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: [
    {
      name: "mode",
      value: "MODE",
      help: "how rows are printed: table, list, csv, json or line",
      fallback: "table in a terminal, else list",
    },
    { name: "record", help: "keep statements that write, so that graft rebase can run them again" },
    { name: "timing", help: "say how long each statement took, and what it moved" },
    ...REPLICA_FLAGS,
  ],
  async run(invocation) {
    const { output, positionals, signal, surroundings, switches, values } = invocation;
    const { clock, fileSystem, stdin, stdout } = surroundings;
    const [tag = "", ...texts] = positionals;
    const mode = pickMode(values.get("mode"), output.isJson, stdout.isTTY === true);
    await using replica = await openReplica(invocation, "existing");
    const volume = await replica.runtime.openVolume(findVolume(replica, tag), signal);
    const recordStatements = switches.has("record");
    await using database = await openDatabaseOf(volume, replica, surroundings, {
      recordStatements,
    });
    const session: ShellSession = {
      database,
      volume,
      tag,
      clock,
      traffic: () => replica.traffic(),
      write: (text) => output.text(text),
      note: (line) => output.note(line),
      mode,
      isTiming: switches.has("timing"),
    };
    if (texts.length > 0) return await runArguments(session, texts, signal);
    if (stdin.isTTY !== true) return await runLines(session, stdin, signal);
    const history = await History.open(fileSystem, `${replica.path}/sql-history`);
    output.note(`volume ${volume.volumeId}; .help lists the commands, .quit leaves`);
    await runInteractive(session, { input: stdin, output: stdout, history, signal });
  },
};

function pickMode(text: string | undefined, isJson: boolean, isTerminal: boolean): Mode {
  if (isJson) return "json";
  if (text !== undefined) return parseMode(text);
  return isTerminal ? "table" : "list";
}
