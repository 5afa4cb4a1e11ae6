/** The command line as its users meet it: in a process of its own. For tests. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What stdin holds; nothing by default. */
  readonly stdin?: string;
}

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function runGraft(words: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = spawnGraft(words, options);
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin?.end(options.stdin ?? "");
  const code = await exitOf(child);
  return { code, stdout, stderr };
}

/** Runs a command with `--json` that must succeed; answers its rows. */
export async function graftJson(
  words: readonly string[],
  options: RunOptions = {},
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const run = await runGraft([...words, "--json"], options);
  if (run.code !== 0) throw new Error(`graft ${words.join(" ")}: exit ${run.code}: ${run.stderr}`);
  return parseRows(run.stdout);
}

/** One JSON object a line. */
export function parseRows(text: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

/** A server command that listens. */
export interface GraftServer extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything it has said on stderr. */
  stderr(): string;
  /** Ends it with a signal; answers its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a server command and waits until it listens. */
export async function startGraft(
  words: readonly string[],
  options: RunOptions = {},
): Promise<GraftServer> {
  const child = spawnGraft([...words, "--json"], options);
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exited = exitOf(child);
  const { stdout } = child;
  if (stdout === null) throw new Error("stdout is a pipe");
  const lines = createInterface({ input: stdout });
  const first = await Promise.race([
    new Promise<string>((resolve) => lines.once("line", resolve)),
    exited.then((code) => {
      throw new Error(`graft ${words.join(" ")}: exit ${code}: ${stderr}`);
    }),
  ]);
  const { url } = JSON.parse(first) as { readonly url: string };
  const stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  return {
    url,
    child,
    stderr: () => stderr,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop("SIGKILL")),
  };
}

/** Starts a command. Its environment holds nothing of ours but what the options say. */
export function spawnGraft(words: readonly string[], options: RunOptions = {}): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GRAFT_"));
  return spawn(process.execPath, ["--conditions=@graft/source", MAIN, ...words], {
    cwd: options.cwd,
    env: { ...Object.fromEntries(inherited), ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** The exit code; null when a signal ended it. */
export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("close", (code) => resolve(code)));
}
