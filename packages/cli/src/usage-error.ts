/** The command line was typed wrong: one line, exit code 2, nothing changed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
