/** Runs a built program against a server, and reads what it reports. */
import { spawn } from "node:child_process";
import type { Protocol, Report } from "./contract.ts";

/** A program that hangs is ended: generous, because a loaded machine is slow. */
const RUN_MS_MAX = 120_000;

export interface ProgramRun {
  readonly code: number | null;
  readonly reports: readonly Report[];
  readonly stderr: string;
}

export interface ProgramTarget {
  readonly url: string;
  readonly protocol: Protocol;
  readonly token?: string | undefined;
  /** Besides what the contract names. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Its environment holds nothing of ours but what the contract names. */
export async function runProgram(
  [file, ...words]: readonly [string, ...string[]],
  { url, protocol, token, environment }: ProgramTarget,
): Promise<ProgramRun> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GRAFT_"));
  const child = spawn(file, words, {
    env: {
      ...Object.fromEntries(inherited),
      ...environment,
      GRAFT_URL: url,
      GRAFT_PROTOCOL: protocol,
      ...(token === undefined ? {} : { GRAFT_TOKEN: token }),
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS_MAX,
    killSignal: "SIGKILL",
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, reports: parseReports(stdout), stderr };
}

/** @throws Error for a line that is no report */
function parseReports(text: string): readonly Report[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const report: unknown = JSON.parse(line);
    if (!isReport(report)) throw new Error(`expected {"step":…,"ok":…}, got ${line}`);
    return report;
  });
}

function isReport(value: unknown): value is Report {
  if (typeof value !== "object" || value === null) return false;
  return "step" in value && typeof value.step === "string" && "ok" in value;
}
