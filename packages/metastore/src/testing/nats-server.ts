import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

/** The program; empty where there is none: then what needs it is skipped. `scripts/nats.ts`. */
export const NATS_PROGRAM: string = process.env.GRAFT_TEST_NATS_SERVER ?? "";

const READY = "Server is ready";

/** A NATS server of one test, on a port that it keeps when it is started again. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly #words: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, words: readonly string[]) {
    this.port = port;
    this.#words = words;
  }

  /** @param words more arguments of the program */
  static async start(...words: readonly string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), words);
    await server.start();
    return server;
  }

  /** Where it is, for whoever needs no credentials. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it, or starts it again. */
  async start(): Promise<void> {
    const words = ["--addr", "127.0.0.1", "--port", String(this.port), ...this.#words];
    const program = process.env.GRAFT_TEST_NATS_SERVER ?? "";
    const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    let log = "";
    await new Promise<void>((resolve, reject) => {
      // Read to its end: a server that cannot write its log dies.
      child.stderr.setEncoding("utf8").on("data", (part: string) => {
        log = (log + part).slice(-10_000);
        if (log.includes(READY)) resolve();
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`nats-server has ended: ${log}`)));
    });
  }

  /** It stops answering, and keeps its connections. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** It dies. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("expected a TCP port");
  return address.port;
}
