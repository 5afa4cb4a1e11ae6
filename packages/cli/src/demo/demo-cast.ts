/** Everything the demo starts and leaves on the disk, and how it goes away again. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReplicaProcess } from "./replica-process.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/** The two services as processes of their own, on two ports. */
export interface ServerPair {
  readonly metastore: ServerProcess;
  readonly pagestore: ServerProcess;
}

export class DemoCast implements AsyncDisposable {
  /** The demo's own folder. Gone at the end, whatever the end was. */
  readonly folder: string;
  readonly #store: string;
  readonly #children = new Set<{ kill(): Promise<void> }>();
  readonly #removeFolder = (): void => rmSync(this.folder, { recursive: true, force: true });

  /** @param store URL of an object store; undefined: a folder of the demo's own */
  constructor(store: string | undefined) {
    this.folder = mkdtempSync(join(tmpdir(), "graft-demo-"));
    this.#store = store ?? `file:${this.path("store")}`;
    // Whatever ends the process: children end with their channel, the folder here.
    process.on("exit", this.#removeFolder);
  }

  /** A path in the demo's folder. */
  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  async startServers(): Promise<ServerPair> {
    const metastore = await this.#startServer("metastore", []);
    const pagestore = await this.#startServer("pagestore", ["--metastore", metastore.url]);
    return { metastore, pagestore };
  }

  /** Starts a replica in a process and a data directory of its own. */
  async startReplica(name: string, servers: ServerPair): Promise<ReplicaProcess> {
    const { metastore, pagestore } = servers;
    const replica = await ReplicaProcess.start(name, {
      path: this.path(name),
      metastore: metastore.url,
      pagestore: pagestore.url,
    });
    this.#children.add(replica);
    return replica;
  }

  /** Ends both servers as a power cut would, and deletes what they had cached. */
  async killServers({ metastore, pagestore }: ServerPair): Promise<void> {
    await Promise.all([metastore.kill(), pagestore.kill()]);
    rmSync(this.path("cache"), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.kill()));
    process.off("exit", this.#removeFolder);
    this.#removeFolder();
  }

  async #startServer(
    role: "metastore" | "pagestore",
    words: readonly string[],
  ): Promise<ServerProcess> {
    const cache = this.path("cache", role);
    mkdirSync(cache, { recursive: true });
    const server = await startServerProcess({ role, store: this.#store, cache, words });
    this.#children.add(server);
    return server;
  }
}

/** Requests to the object store by both services so far. */
export async function countObjectStoreRequests(servers: ServerPair): Promise<number> {
  const counts = await Promise.all([
    servers.metastore.objectStoreRequests(),
    servers.pagestore.objectStoreRequests(),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}
