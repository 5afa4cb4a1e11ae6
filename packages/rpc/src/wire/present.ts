import { GraftError, isGraftError } from "@graft/core";

/**
 * The object without its undefined members, so that "absent" has one form. Use it where
 * `exactOptionalPropertyTypes` would otherwise ask for a branch for each optional field.
 */
export function present<T extends object>(value: T): Present<T> {
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) result[name] = member;
  }
  return result as Present<T>;
}

/** `T` where a member that may be undefined is an optional member instead. */
export type Present<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** A message that must be there. @throws GraftError `invalid-argument` naming the field */
export function mustHave<T>(value: T | undefined, field: string): T {
  if (value === undefined) {
    throw new GraftError("invalid-argument", `${field} is missing: expected a value`);
  }
  return value;
}

/**
 * Reads a server's answer: what would be a client's mistake in a request is the server's mistake
 * here.
 *
 * @throws GraftError `internal` where `read` throws `invalid-argument`
 */
export function readAnswer<T>(rpc: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isGraftError(cause, "invalid-argument")) throw cause;
    throw new GraftError("internal", `malformed answer to ${rpc}: ${cause.message}`, { cause });
  }
}
