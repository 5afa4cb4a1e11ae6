/**
 * Many readers of `Watch` in a process of their own. Run as a program it is that process: it says
 * when each of them heard of a commit.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { WatchSocket } from "./watch-socket.ts";

interface Order {
  readonly port: number;
  /** Streams to open. */
  readonly count: number;
  /** An encoded `WatchRequest`, in base64: the same for all. */
  readonly request: string;
}

/** Readers, all of which have everything there is. */
export class Watchers implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(port: number, count: number, request: Uint8Array): Promise<Watchers> {
    const child = fork(fileURLToPath(import.meta.url), { stdio: "inherit" });
    const order: Order = { port, count, request: Buffer.from(request).toString("base64") };
    child.send(order);
    await once(child, "message");
    return new Watchers(child);
  }

  /** When each of them heard of the next commit, by the machine's monotonic clock, ms. */
  async heard(): Promise<readonly number[]> {
    const [times] = (await once(this.#child, "message")) as [readonly number[]];
    return times;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, "exit");
    }
  }
}

/** The machine's monotonic clock, the same in every process, ms. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

if (import.meta.main) {
  process.once("disconnect", () => process.exit());
  process.once("message", (order: Order) => watch(order));
}

function watch({ port, count, request }: Order): void {
  const body = Buffer.from(request, "base64");
  let waiting = count;
  let times: number[] = [];
  const onFailure = (error: Error): void => {
    console.error(`a watcher failed: ${error.message}`);
    process.exit(1);
  };
  const open = (): void => {
    let isOpen = false;
    new WatchSocket(port, body, {
      onFailure,
      onHeartbeat() {
        if (isOpen) return;
        isOpen = true;
        if (--waiting === 0) process.send?.("open");
      },
      onNews() {
        // Before its first heartbeat it is told what it missed.
        if (!isOpen || times.push(machineMs()) < count) return;
        process.send?.(times);
        times = [];
      },
    });
  };
  for (let at = 0; at < count; at++) open();
}
