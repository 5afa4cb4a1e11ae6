/** `graft` in processes of their own, and the most memory each of them ever held. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
/** Its first line: `#!/usr/bin/env -S NAME=value … node --flag …`, about memory too. */
const [, , ...WORDS] = readFileSync(MAIN, "utf8").split("\n")[0]?.split(" ") ?? [];
const FLAGS = WORDS.slice(WORDS.indexOf("node") + 1);
const VARIABLES = WORDS.slice(0, WORDS.indexOf("node")).map((word) => word.split("="));
/** The peak never falls: only what is taken within the last interval before the end is missed. */
const LOOK_INTERVAL_MS = 25;

/** A command that has ended. */
export interface Measured {
  /** What it printed with `--json`, the last line. */
  readonly answer: Readonly<Record<string, unknown>>;
  readonly peakBytes: number;
  readonly seconds: number;
}

/** A server that listens. */
export interface MeasuredServer extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  peakBytes(): number;
}

/** Starts a command; the caller decides how it ends. */
export function spawnGraft(
  words: readonly string[],
  stderr: "ignore" | "inherit" = "inherit",
): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GRAFT_"));
  return spawn(process.execPath, [...FLAGS, MAIN, ...words, "--json"], {
    env: Object.fromEntries([...inherited, ...VARIABLES]),
    stdio: ["ignore", "pipe", stderr],
  });
}

/** Runs a command to its end. @throws Error when its exit code is not 0 */
export async function runMeasured(
  words: readonly string[],
  { onLook }: { readonly onLook?: ((pid: number) => void) | undefined } = {},
): Promise<Measured> {
  const startMs = performance.now();
  const child = spawnGraft(words);
  const peak = watchPeak(child, onLook);
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const [code] = await once(child, "close");
  const seconds = (performance.now() - startMs) / 1000;
  if (code !== 0) throw new Error(`graft ${words.join(" ")}: exit ${code}: ${stdout}`);
  const answer = JSON.parse(stdout.trim().split("\n").at(-1) || "{}");
  return { answer, peakBytes: peak(), seconds };
}

/** Starts a server command and waits until it listens. */
export async function serveMeasured(
  words: readonly string[],
  { logLevel = "error" }: { readonly logLevel?: "error" | "silent" } = {},
): Promise<MeasuredServer> {
  const stderr = logLevel === "silent" ? "ignore" : "inherit";
  const child = spawnGraft([...words, "--log-level", logLevel], stderr);
  const peakBytes = watchPeak(child);
  const ended = once(child, "exit").then(() => {
    throw new Error(`graft ${words.join(" ")} ended before it listened`);
  });
  if (child.stdout === null) throw new Error("stdout is a pipe");
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended,
  ]);
  ended.catch(() => undefined);
  const { url } = JSON.parse(String(line)) as { readonly url: string };
  return {
    url,
    child,
    peakBytes,
    async [Symbol.asyncDispose]() {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      child.kill("SIGKILL");
      if (!isOver) await once(child, "exit");
    },
  };
}

/** Looks at the peak until the process has ended, and whenever it is asked. */
function watchPeak(child: ChildProcess, onLook?: (pid: number) => void): () => number {
  let peakBytes = 0;
  const look = (): number => {
    peakBytes = Math.max(peakBytes, readPeak(child.pid));
    if (child.pid !== undefined) onLook?.(child.pid);
    return peakBytes;
  };
  const timer = setInterval(look, LOOK_INTERVAL_MS);
  child.once("exit", () => clearInterval(timer));
  return look;
}

/** `VmHWM`: the kernel's own count of the most that was ever resident. 0 when it has ended. */
function readPeak(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
