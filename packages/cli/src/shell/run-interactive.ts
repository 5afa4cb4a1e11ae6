import { createInterface, type Interface } from "node:readline";
import { messageOf } from "../describe-error.ts";
import { DOT_HELP } from "./dot-command.ts";
import type { History } from "./history.ts";
import { LineRunner } from "./line-runner.ts";
import type { ShellSession } from "./shell-session.ts";

export interface InteractiveOptions {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly history: History;
  /** Ends the shell. Ctrl-C does not: it ends the statement, or clears the line. */
  readonly signal: AbortSignal;
}

/** Reads lines from a terminal until `.quit` or Ctrl-D. Errors are told and do not end it. */
export async function runInteractive(
  session: ShellSession,
  options: InteractiveOptions,
): Promise<void> {
  const { input, output, history, signal } = options;
  const terminal = createInterface({
    input,
    output,
    terminal: true,
    history: [...history.lines],
    removeHistoryDuplicates: true,
    completer: completeDotCommand,
    signal,
  });
  const loop = new TerminalLoop(session, terminal, signal);
  let lines: readonly string[] = history.lines;
  terminal.on("history", (all: string[]) => {
    lines = [...all];
  });
  try {
    await loop.run();
  } finally {
    terminal.close();
    await history.save(lines);
  }
}

class TerminalLoop {
  readonly #session: ShellSession;
  readonly #terminal: Interface;
  readonly #runner: LineRunner;
  readonly #signal: AbortSignal;
  #running: AbortController | undefined;

  constructor(session: ShellSession, terminal: Interface, signal: AbortSignal) {
    this.#session = session;
    this.#terminal = terminal;
    this.#signal = signal;
    this.#runner = new LineRunner(session);
    terminal.on("SIGINT", () => this.#interrupt());
  }

  async run(): Promise<void> {
    this.#prompt();
    for await (const line of this.#terminal) {
      if (!(await this.#line(line))) break;
      this.#prompt();
    }
    if (this.#runner.isInStatement) this.#session.note("");
  }

  async #line(line: string): Promise<boolean> {
    const running = new AbortController();
    this.#running = running;
    try {
      return await this.#runner.line(line, AbortSignal.any([running.signal, this.#signal]));
    } catch (error) {
      if (this.#signal.aborted) return false;
      this.#session.note(`error: ${messageOf(error)}`);
      return true;
    } finally {
      this.#running = undefined;
    }
  }

  /** Ctrl-C: ends the statement that runs; else forgets what was typed. */
  #interrupt(): void {
    if (this.#running !== undefined) {
      this.#running.abort(new Error("interrupted"));
      return;
    }
    this.#runner.clear();
    this.#terminal.write(null, { ctrl: true, name: "u" });
    this.#session.note("^C");
    this.#prompt();
  }

  #prompt(): void {
    const { tag, database } = this.#session;
    const mark = this.#runner.isInStatement ? "…" : database.inTransaction ? "*>" : ">";
    this.#terminal.setPrompt(
      `${this.#runner.isInStatement ? " ".repeat(tag.length) : tag}${mark} `,
    );
    this.#terminal.prompt();
  }
}

function completeDotCommand(line: string): [string[], string] {
  if (!line.startsWith(".")) return [[], line];
  const names = DOT_HELP.map(([usage]) => usage.split(" ")[0] ?? "");
  return [names.filter((name) => name.startsWith(line)), line];
}
