#!/usr/bin/env -S MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=262144 node --max-semi-space-size=4 --conditions=@graft/source
import { GraftError } from "@graft/core";
import { nodeCompute, nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { parseArguments } from "./arguments.ts";
import { findCommand } from "./commands.ts";
import { errorFacts, isKnownError } from "./describe-error.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { describeCommand, describeCommands } from "./help.ts";
import { Output, toJson } from "./output.ts";
import type { Surroundings } from "./surroundings.ts";
import { UsageError } from "./usage-error.ts";

const surroundings: Surroundings = {
  clock: systemClock,
  random: systemRandom,
  fileSystem: nodeFileSystem,
  compute: nodeCompute,
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
};

forgiveClosedPipes();
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const isJson = argv.includes("--json");
  const output = new Output({ isJson, stdout: process.stdout, stderr: process.stderr });
  try {
    await runCommand(argv, output);
    return EXIT.ok;
  } catch (error) {
    tell(error, isJson);
    return exitCodeOf(error);
  }
}

async function runCommand(argv: readonly string[], output: Output): Promise<void> {
  const [verb, ...words] = argv;
  if (verb === undefined || verb === "help" || verb === "--help" || verb === "-h") {
    const [name] = words;
    output.text(`${await (name === undefined ? describeCommands() : describeCommand(name))}\n`);
    return;
  }
  const command = await findCommand(verb);
  if (command === undefined) {
    throw new UsageError(`graft ${verb}: no such command; see graft help`);
  }
  if (words.includes("--help") || words.includes("-h")) {
    output.text(`${await describeCommand(verb)}\n`);
    return;
  }
  const parsed = parseArguments(command, words, surroundings.environment);
  const signal = interruption();
  const url = parsed.values.get("otlp");
  if (url === undefined) return await command.run({ ...parsed, output, surroundings, signal });
  // Loaded where it is used: nothing is spent on it otherwise.
  const { openTracing } = await import("./tracing/open-tracing.ts");
  const { environment } = surroundings;
  await using tracing = openTracing({ url, service: `graft ${verb}`, environment });
  const traced = { ...surroundings, tracer: tracing.tracer };
  const run = (): Promise<void> => command.run({ ...parsed, output, surroundings: traced, signal });
  // What a server does begins with its callers.
  await (command.serves === true ? run() : tracing.within(`graft ${verb}`, run));
}

/** The first Ctrl-C asks the command to end in order; the second ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new GraftError("unavailable", "interrupted: nothing was left half done"));
    });
  }
  return controller.signal;
}

/** One line for people; with `--json` the error as JSON. Both on stderr. */
function tell(error: unknown, isJson: boolean): void {
  const facts = errorFacts(error);
  process.stderr.write(isJson ? `${toJson({ error: facts })}\n` : `graft: ${facts.message}\n`);
  const isVerbose = !isKnownError(error) || process.env.GRAFT_DEBUG !== undefined;
  if (isVerbose && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

/** Who reads our output may stop early (`| head`): that is their good right. */
function forgiveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exit(EXIT.ok);
    });
  }
}
