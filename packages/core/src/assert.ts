/**
 * Crashes when our own code is wrong. Never use it for input from outside: that is a `GraftError`.
 *
 * @param sentence what should hold, as a sentence: "the footer fits the segment"
 */
export function invariant(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new InvariantError(sentence);
}

/** Closes a `switch` over a union: compiles only when every alternative was handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`every alternative is handled, got ${describe(value)}`);
}

/** A promise this code made to itself was broken. Not to be caught and continued from. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";

  constructor(sentence: string) {
    super(`broken invariant: ${sentence}`);
  }
}

/**
 * JSON where it can be: a bigint or a cycle must not hide the broken invariant behind another
 * error.
 */
function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
