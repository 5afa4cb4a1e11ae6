import type { Output } from "./output.ts";
import type { Surroundings } from "./surroundings.ts";

/** A flag of a command: `--port N` or, without a value name, `--full`. */
export interface Flag {
  readonly name: string;
  /** What the value is called in the usage; absent for a switch. */
  readonly value?: string;
  /** One line, lower-case. */
  readonly help: string;
  /** Environment variable that stands in for it. */
  readonly environment?: string;
  /** What holds without it, for the usage. */
  readonly fallback?: string;
}

/** One verb of the command line. */
export interface Command {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Whether it serves others until it is told to stop. */
  readonly serves?: true;
  /** Positional arguments as the usage shows them: "TAG FILE". */
  readonly positionals: string;
  /** How many positionals are legal, both ends included. */
  readonly positionalCount: { readonly min: number; readonly max: number };
  readonly flags: readonly Flag[];
  run(invocation: Invocation): Promise<void>;
}

/** A command as it was typed, checked against its declaration. */
export interface Invocation {
  readonly positionals: readonly string[];
  /** By flag name, flags first, then their environment variables. */
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
  readonly output: Output;
  readonly surroundings: Surroundings;
  /** Aborted by Ctrl-C: the command tidies up and ends. */
  readonly signal: AbortSignal;
}
