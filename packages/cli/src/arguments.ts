import { parseArgs } from "node:util";
import type { Command, Invocation } from "./command.ts";
import { UsageError } from "./usage-error.ts";

/** What the words after the verb mean to a command. */
export type ParsedArguments = Pick<Invocation, "positionals" | "values" | "switches">;

/** @throws UsageError naming the word and what was expected */
export function parseArguments(
  command: Command,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ParsedArguments {
  const { values: raw, positionals } = parseWords(command, words);
  const values = new Map<string, string>();
  const switches = new Set<string>();
  for (const flag of command.flags) {
    const given = raw[flag.name];
    if (given === true) switches.add(flag.name);
    else if (typeof given === "string") values.set(flag.name, given);
    else if (flag.environment !== undefined && environment[flag.environment] !== undefined) {
      values.set(flag.name, environment[flag.environment] ?? "");
    }
  }
  const { min, max } = command.positionalCount;
  if (positionals.length < min || positionals.length > max) {
    throw new UsageError(
      `graft ${command.name}: expected ${command.positionals || "no arguments"}, ` +
        `got ${positionals.length} argument(s); see graft help ${command.name}`,
    );
  }
  return { positionals, values, switches };
}

/** A value that must be there. @throws UsageError */
export function mustValue(invocation: Invocation, name: string, environment?: string): string {
  const value = invocation.values.get(name);
  if (value !== undefined && value !== "") return value;
  const instead = environment === undefined ? "" : ` (or set ${environment})`;
  throw new UsageError(`--${name} is missing: name it${instead}`);
}

/** A whole number in a range. @throws UsageError */
export function numberValue(
  invocation: Invocation,
  name: string,
  bounds: { readonly fallback: number; readonly min: number; readonly max: number },
): number {
  const text = invocation.values.get(name);
  if (text === undefined) return bounds.fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < bounds.min || value > bounds.max) {
    throw new UsageError(
      `--${name} ${text}: expected a whole number, ${bounds.min} … ${bounds.max}`,
    );
  }
  return value;
}

function parseWords(command: Command, words: readonly string[]) {
  const options = Object.fromEntries(
    command.flags.map((flag) => [
      flag.name,
      { type: flag.value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    const why = error instanceof Error ? error.message.split(". ")[0] : String(error);
    throw new UsageError(`graft ${command.name}: ${why}; see graft help ${command.name}`);
  }
}
