import { type Access, parseAccess, parseVolumePattern, type Scope } from "@graft/auth";
import { isGraftError, parseLsn } from "@graft/core";
import { numberValue } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { UsageError } from "../usage-error.ts";

const ACCESS_DEFAULT: readonly Access[] = ["read", "write", "create"];

/**
 * The scope that the flags describe. Undefined: none of them is there, and the token gives
 * everything. @throws UsageError
 */
export function scopeValue(invocation: Invocation): Scope | undefined {
  const { values, switches } = invocation;
  const names = ["volume", "access", "max-lsn", "max-bytes"];
  if (!names.some((name) => values.has(name)) && !switches.has("read-only")) return undefined;
  const maxLsn = values.get("max-lsn");
  const bounds = { fallback: -1, min: 0, max: Number.MAX_SAFE_INTEGER };
  const maxBytes = numberValue(invocation, "max-bytes", bounds);
  return {
    volumes: wordsOf(values.get("volume") ?? "*").map((word) =>
      asUsage("--volume", () => parseVolumePattern(word)),
    ),
    access: accessOf(invocation),
    ...(maxLsn !== undefined && { maxLsn: asUsage("--max-lsn", () => parseLsn(maxLsn)) }),
    ...(maxBytes >= 0 && { maxBytes }),
  };
}

function accessOf({ values, switches }: Invocation): readonly Access[] {
  const text = values.get("access");
  if (switches.has("read-only")) {
    if (text === undefined) return ["read"];
    throw new UsageError("--read-only and --access exclude each other: name one of them");
  }
  if (text === undefined) return ACCESS_DEFAULT;
  return wordsOf(text).map((word) => asUsage("--access", () => parseAccess(word)));
}

function wordsOf(text: string): readonly string[] {
  const words = text.split(",").filter((word) => word !== "");
  if (words.length > 0) return words;
  throw new UsageError("an empty list: leave the flag out, or name something");
}

function asUsage<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isGraftError(error)) throw error;
    throw new UsageError(`${flag}: ${error.message}`);
  }
}
