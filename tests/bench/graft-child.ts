/**
 * `graft` in processes of their own: what is measured must not share an event loop with its server.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const MAIN = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
const ARGUMENTS = ["--conditions=@graft/source", MAIN];

export interface ServerChild extends AsyncDisposable {
  readonly url: string;
  /** Requests to the object store so far. */
  objectStoreRequests(): Promise<number>;
  readonly pid: number;
  /** Memory of the process now, bytes. */
  residentSize(): Promise<number>;
}

/** Starts both services over a store on a free port. @param flags more of `graft serve` */
export async function startServer(
  storeUrl: string,
  ...flags: readonly string[]
): Promise<ServerChild> {
  const fixed = ["serve", "--port", "0", "--store", storeUrl, "--json", "--log-level", "error"];
  const words = [...fixed, ...flags];
  const child = spawn(process.execPath, [...ARGUMENTS, ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await firstUrl(child);
  const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  return {
    url,
    pid: child.pid ?? 0,
    objectStoreRequests: async () => sumOf(await metrics(), "graft_object_store_requests_total"),
    residentSize: () => residentSize(child.pid ?? 0),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

/** Runs a command to its end and gives what it printed as JSON. */
export async function runGraft<T>(...words: readonly string[]): Promise<T> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [...ARGUMENTS, ...words, "--json"], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "null") as T;
}

/** What `graft import` answers. */
export interface Imported {
  readonly volume: string;
  readonly lsn: number;
  readonly pages: number;
  readonly bytes: number;
  readonly seconds: number;
}

async function firstUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("the server has no stdout");
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(() => {
    throw new Error("the server ended before it listened");
  });
  const [line] = await Promise.race([once(lines, "line"), ended]);
  return (JSON.parse(String(line)) as { url: string }).url;
}

function sumOf(metrics: string, name: string): number {
  let sum = 0;
  for (const line of metrics.split("\n")) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) {
      sum += Number(line.slice(line.lastIndexOf(" ") + 1));
    }
  }
  return sum;
}

async function residentSize(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(stdout.trim()) * 1024;
}
