import { parseRunQueries } from "@graft/pagestore";
import type { Invocation } from "../command.ts";
import { UsageError } from "../usage-error.ts";

/**
 * `--run-queries on|off`.
 *
 * @throws UsageError
 */
export function runQueriesValue(invocation: Invocation): boolean {
  const text = invocation.values.get("run-queries");
  const value = parseRunQueries(text);
  if (value !== undefined) return value;
  throw new UsageError(`--run-queries is "${text}": expected on or off`);
}
