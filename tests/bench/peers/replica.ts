/**
 * A replica in a process of its own. It is asked with lines of JSON on its stdin; each of its
 * answers is one line of stdout that begins with `@`. Its first one says that it is ready.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { withoutPaths } from "./without-paths.ts";

/** The table of the replicas that write. */
export const CREATE_KV = "CREATE TABLE kv(id INTEGER PRIMARY KEY, k TEXT, v TEXT)";

export type SqlValue = string | number;

/** What a replica can be asked. Every answer is timed by the replica, ms. */
export type ReplicaRequest =
  | { readonly do: "open" }
  | { readonly do: "query"; readonly sql: string; readonly values: readonly SqlValue[] }
  | { readonly do: "execute"; readonly sql: string; readonly values: readonly SqlValue[] }
  /** Rows `from` … `from + count - 1` of `kv`, each in a transaction of its own, or all in one. */
  | {
      readonly do: "insert";
      readonly from: number;
      readonly count: number;
      readonly isOneTransaction: boolean;
    }
  | { readonly do: "push" | "pull" };

export interface ReplicaAnswer {
  readonly ms: number;
  readonly rowCount?: number;
  /** The first column of the first row. */
  readonly first?: string | number | null;
}

/** The replica said so, or did not answer in time. */
export class ReplicaError extends Error {
  override readonly name = "ReplicaError";

  constructor(message: string) {
    super(withoutPaths(message));
  }
}

export interface ReplicaProgram {
  readonly program: string;
  readonly words: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

/** Loading libraries on a busy machine. */
const START_MS_MAX = 60_000;

export class Replica implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #log = "";

  private constructor({ program, words, environment, directory }: ReplicaProgram) {
    this.#child = spawn(program, words, {
      stdio: ["pipe", "pipe", "pipe"],
      env: environmentOf(environment ?? {}),
      ...(directory !== undefined && { cwd: directory }),
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("stdout is a pipe");
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-2000);
    });
    this.#child.on("error", (error) => {
      this.#log += String(error);
    });
    this.#child.stdin?.on("error", () => undefined);
  }

  /** A TypeScript program of ours. @param words what it is told */
  static async startScript(
    script: URL,
    words: readonly string[],
    options: Omit<ReplicaProgram, "program" | "words"> = {},
  ): Promise<Replica> {
    const { pathname } = script;
    const node = ["--conditions=@graft/source", "--disable-warning=ExperimentalWarning", pathname];
    return await Replica.start({
      program: process.execPath,
      words: [...node, ...words],
      ...options,
    });
  }

  static async start(program: ReplicaProgram): Promise<Replica> {
    const replica = new Replica(program);
    try {
      await replica.#next(START_MS_MAX);
      return replica;
    } catch (error) {
      await replica[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** @throws ReplicaError it failed, ended, or took longer than `msMax` */
  async ask(request: ReplicaRequest, msMax: number): Promise<ReplicaAnswer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    return await this.#next(msMax);
  }

  /** Memory of the process now, bytes. */
  async residentSize(): Promise<number> {
    const words = ["-o", "rss=", "-p", String(this.#child.pid ?? 0)];
    const { stdout } = await promisify(execFile)("ps", words);
    return Number(stdout.trim()) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  async #next(msMax: number): Promise<ReplicaAnswer> {
    const late = Promise.withResolvers<never>();
    const seconds = Math.round(msMax / 1000);
    const timer = setTimeout(
      () => late.reject(new ReplicaError(`no answer within ${seconds} s`)),
      msMax,
    );
    try {
      return await Promise.race([this.#nextAnswer(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #nextAnswer(): Promise<ReplicaAnswer> {
    for (;;) {
      const { value, done } = await this.#answers.next();
      if (done === true) {
        const last = this.#log.trim().split("\n").slice(-3).join(" · ");
        throw new ReplicaError(`the process ended: ${last}`);
      }
      // What libraries print besides.
      if (!value.startsWith("@")) continue;
      const answer = JSON.parse(value.slice(1)) as ReplicaAnswer & { readonly error?: string };
      if (answer.error !== undefined) throw new ReplicaError(answer.error);
      return answer;
    }
  }
}

/** No proxy of the environment: it would be used for our own addresses too. */
function environmentOf(added: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean => !/^GRAFT_|^AWS_|_PROXY$/i.test(name);
  const inherited = Object.entries(process.env).filter(([name]) => isForeign(name));
  return { ...Object.fromEntries(inherited), ...added };
}
