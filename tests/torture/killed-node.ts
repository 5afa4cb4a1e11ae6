/**
 * A service of the cluster, which is killed and starts again, and the object store's own server.
 */
import { type MeasuredServer, serveMeasured } from "../harness/measured-graft.ts";

/** Something that listens as long as nobody kills it. */
export interface Listener {
  readonly url: string;
  kill(): Promise<void>;
}

/** A start fails while what it needs is down: it is tried again. */
const START_ATTEMPTS_MAX = 40;

export class KilledNode {
  readonly name: string;
  readonly #start: () => Promise<Listener>;
  #listener: Listener | undefined;
  #peakBytes = 0;

  constructor(name: string, start: () => Promise<Listener>) {
    this.name = name;
    this.#start = start;
  }

  /** A service: `graft <words>` in a process of its own. */
  static service(name: string, words: () => readonly string[]): KilledNode {
    const node: KilledNode = new KilledNode(name, async () => {
      const server = await serveMeasured(words(), { logLevel: "silent" });
      return { url: server.url, kill: () => node.#killServer(server) };
    });
    return node;
  }

  /** Where it listens; undefined while it is down. */
  get url(): string | undefined {
    return this.#listener?.url;
  }

  /** The most memory that one of its lives held. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** @throws Error: it does not start, however often it is tried */
  async start(): Promise<void> {
    for (let attempt = 1; this.#listener === undefined; attempt++) {
      try {
        this.#listener = await this.#start();
      } catch (error) {
        if (attempt === START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  async kill(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.kill();
  }

  async #killServer(server: MeasuredServer): Promise<void> {
    this.#peakBytes = Math.max(this.#peakBytes, server.peakBytes());
    await server[Symbol.asyncDispose]();
  }
}
