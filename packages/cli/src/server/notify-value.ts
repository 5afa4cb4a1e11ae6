import { isGraftError } from "@graft/core";
import { type NotifyConfig, parseNotify } from "@graft/metastore";
import type { Invocation } from "../command.ts";
import { UsageError } from "../usage-error.ts";

/** `--notify none|probe|nats://…`. @throws UsageError */
export function notifyValue(invocation: Invocation): NotifyConfig {
  try {
    return parseNotify(invocation.values.get("notify") ?? "none");
  } catch (error) {
    if (!isGraftError(error)) throw error;
    throw new UsageError(`--notify: ${error.message}`);
  }
}
