import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { GraftError } from "@graft/core";

/** Bytes of a child's stderr that are kept for an error message. */
const STDERR_KEPT_MAX = 8_192;

/** The command line of this installation, whether it runs from source or built. */
const MAIN = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));

/**
 * A `graft` command in a process of its own. It holds a channel to this one and ends when this one
 * does, however that comes about.
 */
export class GraftProcess {
  readonly child: ChildProcess;
  readonly name: string;
  readonly #ended: Promise<void>;
  #stderr = "";

  constructor(name: string, words: readonly string[]) {
    this.name = name;
    this.child = spawn(process.execPath, [...process.execArgv, MAIN, ...words], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
      // Ctrl-C in a terminal reaches the whole group: children end when their parent says so.
      detached: true,
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT_MAX);
    });
    this.#ended = new Promise((resolve) => {
      this.child.once("close", () => resolve());
      this.child.once("error", () => resolve());
    });
  }

  /** Resolves when the process has ended, whatever ended it. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Kills it as a power cut would, and waits until it is gone. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.#ended;
  }

  /** What it said last, as an error of ours. */
  failure(what: string): GraftError {
    const said = this.#stderr.trim().split("\n").at(-1) ?? "";
    const why = said === "" ? "it said nothing" : said;
    return new GraftError("unavailable", `${what}: ${this.name} ended: ${why}`);
  }
}
