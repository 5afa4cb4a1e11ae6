/** A server process over a folder, which may be killed and started again, and those who use it. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClientId, createVolumeId, type VolumeId } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { type MeasuredServer, serveMeasured } from "../../harness/measured-graft.ts";
import { LibgraftClient, type LibgraftOptions } from "./libgraft-client.ts";
import { WatchedWay } from "./watched-way.ts";

const ids = { clock: systemClock, random: systemRandom };

/** A client whose every request is seen. */
export interface WatchedClient {
  readonly client: LibgraftClient;
  readonly way: WatchedWay;
}

export class LibgraftWorld implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "graft-libgraft-"));
  readonly #owned = new AsyncDisposableStack();
  readonly #words: readonly string[];
  #server: MeasuredServer | undefined;
  #directoryCount = 0;

  private constructor(words: readonly string[]) {
    this.#words = words;
  }

  /** @param words what the server is told besides */
  static async start(...words: readonly string[]): Promise<LibgraftWorld> {
    const world = new LibgraftWorld(words);
    await world.startServer();
    return world;
  }

  /** Undefined while the server is down. */
  get url(): string | undefined {
    return this.#server?.url;
  }

  get store(): string {
    return `file:${join(this.#folder, "store")}`;
  }

  async startServer(): Promise<void> {
    this.#server = await serveMeasured([
      ...["serve", "--port", "0", "--store", this.store],
      ...this.#words,
    ]);
  }

  /** As a power cut ends it. */
  async killServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.[Symbol.asyncDispose]();
  }

  createVolume(): VolumeId {
    return createVolumeId(ids);
  }

  createDirectory(): string {
    const path = join(this.#folder, `data-${++this.#directoryCount}`);
    mkdirSync(path);
    return path;
  }

  /** A new libgraft on a volume, over a way of its own. */
  async openLibgraft(
    volumeId: VolumeId,
    options: Partial<LibgraftOptions> = {},
  ): Promise<WatchedClient> {
    const way = this.#owned.use(await WatchedWay.start(() => this.url));
    const client = await LibgraftClient.start({
      volumeId,
      clientId: createClientId(ids),
      dataDirectory: this.createDirectory(),
      metastore: way.url,
      pagestore: way.url,
      ...options,
    });
    this.#owned.use(client);
    return { client, way };
  }

  /** The process of a client that was killed, again. */
  async reopen(
    { options }: LibgraftClient,
    other: Partial<LibgraftOptions> = {},
  ): Promise<LibgraftClient> {
    return this.#owned.use(await LibgraftClient.start({ ...options, ...other }));
  }

  /** Our own client on a volume; it syncs when it is told to. */
  async openOurs(volumeId: VolumeId, token?: string): Promise<Database> {
    const path = this.createDirectory();
    const where = { url: this.url ?? "", path, volume: volumeId, ...(token && { token }) };
    return this.#owned.use(await openDatabase({ ...where, tag: "ours", sync: "manual" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
    await this.killServer();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
