import type { Log } from "@graft/rpc";
import { pino } from "pino";
import { UsageError } from "../usage-error.ts";

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** @throws UsageError */
export function parseLogLevel(text: string): LogLevel {
  const level = LEVELS.find((one) => one === text);
  if (level === undefined) {
    throw new UsageError(`--log-level ${text}: expected one of ${LEVELS.join(", ")}`);
  }
  return level;
}

/** One JSON object a line on stderr; in a terminal one line for people. */
export function createServerLog(
  stderr: NodeJS.WriteStream,
  level: LogLevel,
  facts: Readonly<Record<string, string>>,
): Log {
  const destination =
    stderr.isTTY === true
      ? { write: (line: string) => void stderr.write(humanLine(line)) }
      : { write: (line: string) => void stderr.write(line) };
  const options = {
    level,
    base: facts,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, destination);
}

/** "12:30:01 info  metastore  rpc answered an error  rpc=Commit code=aborted" */
function humanLine(line: string): string {
  const { level, time, msg, role, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 19);
  const rest = Object.entries(facts).map(([name, value]) => `${name}=${formatFact(value)}`);
  return `${[clock, String(level).padEnd(5), role, msg, ...rest].join("  ")}\n`;
}

function formatFact(value: unknown): string {
  return typeof value === "string" && !value.includes(" ") ? value : JSON.stringify(value);
}
