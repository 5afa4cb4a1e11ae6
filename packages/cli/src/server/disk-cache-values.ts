import { DISK_CACHE_SIZE_DEFAULT, type DiskCacheConfig } from "@graft/pagestore";
import { numberValue } from "../arguments.ts";
import type { Invocation } from "../command.ts";

const MIB = 1024 * 1024;
const MIB_MAX = 1_048_576;

/**
 * `--cache DIR --cache-mib N`; undefined without a directory, or with a size of 0.
 *
 * @throws UsageError
 */
export function diskCacheValues(invocation: Invocation): DiskCacheConfig | undefined {
  const bounds = { fallback: DISK_CACHE_SIZE_DEFAULT / MIB, min: 0, max: MIB_MAX };
  const sizeMax = numberValue(invocation, "cache-mib", bounds) * MIB;
  const directory = invocation.values.get("cache");
  if (directory === undefined || directory === "" || sizeMax === 0) return undefined;
  return { directory, sizeMax };
}
