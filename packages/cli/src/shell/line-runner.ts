import { readFile } from "node:fs/promises";
import { GraftError } from "@graft/core";
import { StatementSplitter } from "@graft/sqlite";
import { isDotCommand, parseDotCommand } from "./dot-command.ts";
import { runDotCommand } from "./run-dot-command.ts";
import { runStatement } from "./run-statement.ts";
import type { ShellSession } from "./shell-session.ts";

/** `.read` within `.read`, and so on, at most. */
const READ_DEPTH_MAX = 16;

/** Takes lines, runs the statements they complete and the dot commands between them. */
export class LineRunner {
  readonly #session: ShellSession;
  readonly #depth: number;
  readonly #splitter = new StatementSplitter();

  constructor(session: ShellSession, depth = 0) {
    this.#session = session;
    this.#depth = depth;
  }

  /** Whether a statement has been begun and not ended. */
  get isInStatement(): boolean {
    return !this.#splitter.isEmpty;
  }

  /** Forgets a statement that was begun. */
  clear(): void {
    this.#splitter.clear();
  }

  /**
   * @returns whether to go on
   * @throws UsageError, SqliteError, GraftError; what came after the failed statement on the line
   *   is dropped
   */
  async line(line: string, signal: AbortSignal): Promise<boolean> {
    if (this.#splitter.isEmpty && isDotCommand(line)) return await this.#dot(line, signal);
    for (const statement of this.#splitter.push(line)) {
      signal.throwIfAborted();
      await runStatement(this.#session, statement, signal);
    }
    return true;
  }

  /** Runs what stands without a `;` at the end. */
  async end(signal: AbortSignal): Promise<void> {
    const { rest, isEmpty } = this.#splitter;
    this.#splitter.clear();
    if (!isEmpty) await runStatement(this.#session, rest, signal);
  }

  async #dot(line: string, signal: AbortSignal): Promise<boolean> {
    const outcome = await runDotCommand(this.#session, parseDotCommand(line), signal);
    switch (outcome.kind) {
      case "done":
        return true;
      case "quit":
        return false;
      case "read":
        await this.#read(outcome.file, signal);
        return true;
    }
  }

  async #read(file: string, signal: AbortSignal): Promise<void> {
    if (this.#depth >= READ_DEPTH_MAX) {
      throw new GraftError("resource-exhausted", `.read ${file}: more than ${READ_DEPTH_MAX} deep`);
    }
    const runner = new LineRunner(this.#session, this.#depth + 1);
    for (const line of (await readText(file)).split(/\r?\n/)) {
      if (!(await runner.line(line, signal))) return;
    }
    await runner.end(signal);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GraftError("not-found", `cannot read "${file}": ${why}`, { cause });
  }
}
