/**
 * A child process that works until it is killed, and says on stdout, line by line, what it does.
 * The first line is `ready`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface TalkingChildOptions {
  /** The program, as a path. */
  readonly script: string;
  readonly words: readonly string[];
  /** A folder for what Node made of the sources: a start costs half, and there are many. */
  readonly compileCache: string;
  readonly onLine: (line: string) => void;
  /** It ended by itself, which it should not. */
  readonly onFault: (stderr: string) => void;
}

export class TalkingChild {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when it is at work, or has ended. */
  static async start(options: TalkingChildOptions): Promise<TalkingChild> {
    const child = spawnWith(options.compileCache, [options.script, ...options.words], "pipe");
    let error = "";
    child.stderr?.on("data", (data) => {
      error += String(data);
    });
    const ready = Promise.withResolvers<void>();
    if (child.stdout === null) throw new Error("stdout is a pipe");
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === "ready") ready.resolve();
      options.onLine(line);
    });
    child.on("close", (code) => {
      if (code !== null) options.onFault(error);
      ready.resolve();
    });
    await ready.promise;
    return new TalkingChild(child);
  }

  /** Kills it as a power cut would a program, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }
}

/**
 * A process that is killed leaves nothing in the compile cache: a script that ends by itself when
 * it has no words fills it.
 */
export async function fillCompileCache(compileCache: string, script: string): Promise<void> {
  await once(spawnWith(compileCache, [script], "inherit"), "close");
}

function spawnWith(
  compileCache: string,
  words: readonly string[],
  stdio: "pipe" | "inherit",
): ChildProcess {
  return spawn(process.execPath, ["--conditions=@graft/source", ...words], {
    stdio: ["ignore", stdio, stdio],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
}
