/** What every decoder owes: a refusal of a known kind, or a value that survives a round trip. */
import { isDeepStrictEqual } from "node:util";
import { encodeHex, equalBytes, GraftError, type GraftErrorCode } from "@graft/core";
import { describeValue } from "../golden-value.ts";

/**
 * The value, or undefined when it was refused as it may be.
 *
 * @throws whatever else was thrown: a finding
 */
export async function attempt<T>(
  decode: () => T | Promise<T>,
  codes: readonly GraftErrorCode[],
): Promise<T | undefined> {
  try {
    return await decode();
  } catch (error) {
    if (error instanceof GraftError && codes.includes(error.code) && error.message.length > 0) {
      return undefined;
    }
    throw error;
  }
}

/** @throws when the two values do not say the same */
export function mustBeSame(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [describeValue(actual), describeValue(expected)];
  if (isDeepStrictEqual(one, other)) return;
  throw new Error(`${what}: ${JSON.stringify(one)} is not ${JSON.stringify(other)}`);
}

/** @throws when the bytes differ */
export function mustBeBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (equalBytes(actual, expected)) return;
  throw new Error(`${what}: ${encodeHex(actual)} is not ${encodeHex(expected)}`);
}
