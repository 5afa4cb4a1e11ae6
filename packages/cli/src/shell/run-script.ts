import { createInterface } from "node:readline";
import { LineRunner } from "./line-runner.ts";
import type { ShellSession } from "./shell-session.ts";

/** Runs statements given as arguments, one after the other. Ends at the first error. */
export async function runArguments(
  session: ShellSession,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const text of texts) {
    const runner = new LineRunner(session);
    for (const line of text.split("\n")) {
      if (!(await runner.line(line, signal))) return;
    }
    await runner.end(signal);
  }
}

/** Runs a stream of lines. Ends at the first error. */
export async function runLines(
  session: ShellSession,
  input: NodeJS.ReadableStream,
  signal: AbortSignal,
): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, signal });
  const runner = new LineRunner(session);
  try {
    for await (const line of lines) {
      if (!(await runner.line(line, signal))) return;
    }
    signal.throwIfAborted();
    await runner.end(signal);
  } finally {
    lines.close();
  }
}
