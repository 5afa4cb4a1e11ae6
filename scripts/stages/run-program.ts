import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { ROOT } from "../repository/files.ts";

export interface ProgramResult {
  readonly isOk: boolean;
  /** Standard output and error, in the order they came. */
  readonly output: string;
}

/** What the output of a program says that took longer than it may. */
export const DID_NOT_END = "did not end in time";

export interface ProgramOptions {
  /** Passes the output on while it comes. Default: it is only kept. */
  readonly isStreamed?: boolean;
  /** Then it is ended, has failed, and the last line of the output is `DID_NOT_END`. */
  readonly timeoutMs?: number;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program of the workspace, such as `tsc`, at the root of the repository. Never rejects. */
export async function runProgram(
  command: readonly string[],
  { isStreamed = false, timeoutMs = 0, env = {} }: ProgramOptions = {},
): Promise<ProgramResult> {
  const [program = "", ...args] = command;
  const tools = join(ROOT, "node_modules", ".bin");
  const path = [tools, process.env.PATH ?? ""].join(delimiter);
  // Through a pipe programs guess, each in its own way.
  const color = process.stdout.isTTY
    ? { FORCE_COLOR: "1" }
    : { NO_COLOR: "1", FORCE_COLOR: undefined };
  const parts: string[] = [];
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...color, ...env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      parts.push(part);
      if (isStreamed) process.stdout.write(part);
    });
  }
  return await new Promise((resolve) => {
    child.once("error", (error) => resolve({ isOk: false, output: `${error.message}\n` }));
    child.once("close", (code) => {
      if (timeoutMs > 0 && child.killed) parts.push(`\n${program} ${DID_NOT_END}\n`);
      resolve({ isOk: code === 0, output: parts.join("") });
    });
  });
}
