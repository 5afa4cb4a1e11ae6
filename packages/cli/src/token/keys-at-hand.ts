import {
  fixedKeyRing,
  joinKeyRings,
  type LocalKey,
  openKeyFile,
  parseGuardConfig,
  parseLocalKeys,
} from "@graft/auth";
import { isGraftError } from "@graft/core";
import type { Invocation } from "../command.ts";
import { UsageError } from "../usage-error.ts";

/**
 * The keys that a server with the same flags and environment has, the one that makes tokens first.
 *
 * @throws UsageError: they cannot be read
 */
export function keysAtHand({ values, surroundings }: Invocation): readonly LocalKey[] {
  const { fileSystem, clock, environment } = surroundings;
  const { keys } = parseGuardConfig(environment);
  const path = values.get("token-keys");
  const onTrouble = (): void => undefined;
  try {
    const rings = [
      ...(keys === undefined ? [] : [fixedKeyRing(parseLocalKeys(keys))]),
      ...(path === undefined ? [] : [openKeyFile({ path, fileSystem, clock, onTrouble })]),
    ];
    return joinKeyRings(rings).keys();
  } catch (error) {
    if (!isGraftError(error, "invalid-argument", "not-found")) throw error;
    throw new UsageError(`the keys cannot be used: ${error.message}`);
  }
}
