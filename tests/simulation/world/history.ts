import { createHash } from "node:crypto";

/** Lines kept for whoever has to understand a failure. */
const TRACE_LINES_MAX = 60;

/** Everything that happened, as a running hash, and the last lines of it. */
export class History {
  readonly #hash = createHash("sha256");
  readonly #trace: string[] = [];
  readonly #counts = new Map<string, number>();

  /** Adds a line. Equal seeds must add equal lines. */
  note(line: string): void {
    this.#hash.update(`${line}\n`);
    this.#trace.push(line);
    if (this.#trace.length > TRACE_LINES_MAX) this.#trace.shift();
  }

  /** Counts that a rare path was taken. */
  reach(path: string): void {
    this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1);
  }

  /** How often each path was taken. */
  get reached(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** The newest lines, oldest first. */
  get trace(): readonly string[] {
    return this.#trace;
  }

  /** Ends the history. Call it once. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}
