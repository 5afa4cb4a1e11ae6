/** - ok · warn: works, and could be better · fail: something will not work */
export type CheckStatus = "ok" | "warn" | "fail";

/** One thing the doctor looked at. */
export interface Check {
  /** "server health", "disk flush", … */
  readonly name: string;
  /** What was looked at: a URL or a path. */
  readonly target: string;
  readonly status: CheckStatus;
  /** What was found, with its numbers. */
  readonly found: string;
  /** What to do; absent when all is well. */
  readonly advice?: string;
  /** The numbers, for programs. */
  readonly values?: Readonly<Record<string, string | number | boolean>>;
}

/** A judgement without its name and target. */
export type Judgement = Omit<Check, "name" | "target">;
