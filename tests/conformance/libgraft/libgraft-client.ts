/**
 * A real libgraft 0.1.5 in a process of its own, that is asked SQL, one statement after another.
 * It pushes and pulls by itself, some once a second: tests wait for what it says of its snapshot.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ClientId, VolumeId } from "@graft/core";
import { until } from "../../harness/until.ts";

/** A Python that has the client; "" where there is none. See `scripts/libgraft.ts`. */
export const LIBGRAFT_PYTHON: string = process.env.GRAFT_TEST_LIBGRAFT_PYTHON ?? "";

const CHILD = fileURLToPath(new URL("./libgraft-child.py", import.meta.url));
/** It does things once a second, and is slow on a machine that is busy. */
export const PATIENCE_MS = 60_000;
/** `Snapshot[local;pages][mapped r remote]`, the second part once there is a remote. */
const SNAPSHOT = /^Snapshot\[(\d+);(\d+)\](?:\[(\d+)r(\d+)\])?$/;

export interface LibgraftOptions {
  readonly volumeId: VolumeId;
  /** The same for every process on a data directory: what is repeated is known by it. */
  readonly clientId: ClientId;
  readonly dataDirectory: string;
  readonly metastore: string;
  readonly pagestore: string;
  readonly token?: string | undefined;
  /** Default: true. */
  readonly autosync?: boolean;
}

export type Row = readonly (string | number | null)[];

/** Where a client is: its own LSN, and the newest that it shares with the server. */
export interface LibgraftSnapshot {
  readonly lsn: number;
  readonly pageCount: number;
  readonly remoteLsn: number | undefined;
  /** False while a commit waits to be pushed. */
  readonly isPushed: boolean;
}

/** What SQLite said: its extended result code. */
export class LibgraftError extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

interface Answer {
  readonly rows?: readonly Row[];
  readonly error?: string;
  readonly code?: number;
}

export class LibgraftClient implements AsyncDisposable {
  readonly options: LibgraftOptions;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #stderr = "";
  /** The answer to the last question: one at a time. */
  #last: Promise<unknown>;

  private constructor(options: LibgraftOptions) {
    this.options = options;
    this.#child = spawn(LIBGRAFT_PYTHON, [CHILD, options.volumeId], {
      stdio: ["pipe", "pipe", "pipe"],
      env: environmentOf(options),
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("stdout is a pipe");
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#last = this.#nextAnswer();
  }

  /** Resolves when it has its volume open. */
  static async start(options: LibgraftOptions): Promise<LibgraftClient> {
    const client = new LibgraftClient(options);
    await client.#last;
    return client;
  }

  /** Runs SQL. @throws LibgraftError what SQLite says · Error: the process has ended */
  async query(sql: string, ...values: readonly (string | number)[]): Promise<readonly Row[]> {
    return await this.#ask({ sql, values });
  }

  /**
   * The same through a new connection: one that was open while the client received may keep an old
   * page (wire-v0.1 §0.1), and one whose commit failed keeps its lock (§7.3, row 22).
   */
  async queryAnew(sql: string, ...values: readonly (string | number)[]): Promise<readonly Row[]> {
    return await this.#ask({ sql, values, fresh: true });
  }

  /** Costs nothing: it is answered without the sync thread. */
  async snapshot(): Promise<LibgraftSnapshot | undefined> {
    const [row] = await this.query("pragma graft_snapshot");
    if (row === undefined) return undefined;
    const [, lsn, pageCount, mapped, remote] = SNAPSHOT.exec(String(row[0])) ?? [];
    if (lsn === undefined) throw new Error(`expected a snapshot: ${row[0]}`);
    return {
      lsn: Number(lsn),
      pageCount: Number(pageCount),
      remoteLsn: remote === undefined ? undefined : Number(remote),
      isPushed: mapped === lsn,
    };
  }

  /**
   * "Ok", "RejectedCommit", "Conflict" or "InterruptedPush". Asks the sync thread, which pulls
   * nothing while it is asked more than once a second.
   */
  async status(): Promise<string> {
    const [row] = await this.query("pragma graft_status");
    return /^Volume status: (\w+)$/m.exec(String(row?.[0]))?.[1] ?? String(row?.[0]);
  }

  /** What went wrong while it synced, since the last time it was asked. */
  async syncErrors(): Promise<string> {
    const [row] = await this.query("pragma graft_sync_errors");
    return String(row?.[0]).replace("Recent sync errors:\n", "");
  }

  /** Resolves when what it committed is on the server. */
  async pushed(): Promise<LibgraftSnapshot> {
    let now: LibgraftSnapshot | undefined;
    await until(async () => {
      now = await this.snapshot();
      return now?.isPushed === true;
    }, PATIENCE_MS);
    if (now === undefined) throw new Error("it was there");
    return now;
  }

  /** Resolves when it has an LSN of the server, or a later one. */
  async pulled(remoteLsn: number): Promise<void> {
    await until(async () => ((await this.snapshot())?.remoteLsn ?? 0) >= remoteLsn, PATIENCE_MS);
  }

  /** As a power cut ends it. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #ask(question: object): Promise<readonly Row[]> {
    const asked = this.#last
      .catch(() => undefined)
      .then(() => {
        this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
        return this.#nextAnswer();
      });
    this.#last = asked;
    return asked;
  }

  async #nextAnswer(): Promise<readonly Row[]> {
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`libgraft ended by itself: ${this.#stderr}`);
    const { rows, error, code = 0 } = JSON.parse(value) as Answer;
    if (rows === undefined) throw new LibgraftError(error ?? "no answer", code);
    return rows;
  }
}

/** Nothing of ours, and no proxy: it would use one for our own addresses too. */
function environmentOf(options: LibgraftOptions): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean => !/^GRAFT_|_PROXY$/i.test(name);
  const inherited = Object.entries(process.env).filter(([name]) => isForeign(name));
  return {
    ...Object.fromEntries(inherited),
    GRAFT_METASTORE: options.metastore,
    GRAFT_PAGESTORE: options.pagestore,
    GRAFT_CLIENT_ID: options.clientId,
    GRAFT_DATA_DIR: options.dataDirectory,
    GRAFT_AUTOSYNC: String(options.autosync ?? true),
    ...(options.token === undefined ? {} : { GRAFT_TOKEN: options.token }),
  };
}
