import type { Command, Flag } from "./command.ts";
import { findCommand, loadCommands } from "./commands.ts";
import { UsageError } from "./usage-error.ts";

/** The list of commands. */
export async function describeCommands(): Promise<string> {
  const commands = await loadCommands();
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    "graft: SQLite whose pages live in object storage",
    "",
    "usage: graft COMMAND [ARGUMENTS] [--json]",
    "",
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    "",
    "graft help COMMAND tells the rest. Exit codes: 0 ok, 1 failed, 2 usage, 3 diverged.",
  ].join("\n");
}

/** One command in full. @throws UsageError */
export async function describeCommand(name: string): Promise<string> {
  const command = await findCommand(name);
  if (command === undefined) throw new UsageError(`graft help ${name}: no such command`);
  const usage = ["graft", command.name, command.positionals, "[FLAGS]"].filter(
    (word) => word !== "",
  );
  return [`usage: ${usage.join(" ")}`, "", command.summary, "", ...flagLines(command)].join("\n");
}

function flagLines(command: Command): readonly string[] {
  const names = command.flags.map(nameOf);
  const width = Math.max(0, ...names.map((name) => name.length));
  return command.flags.map((flag, at) => `  ${(names[at] ?? "").padEnd(width)}  ${helpOf(flag)}`);
}

function nameOf(flag: Flag): string {
  return flag.value === undefined ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
}

function helpOf(flag: Flag): string {
  const notes = [
    flag.environment === undefined ? undefined : `or ${flag.environment}`,
    flag.fallback === undefined ? undefined : `default ${flag.fallback}`,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? flag.help : `${flag.help} (${notes.join("; ")})`;
}
