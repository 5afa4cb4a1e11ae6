import type { Runtime, Volume } from "@graft/client";
import type { FileSystem } from "@graft/core";
import { Database, type DatabaseOptions } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { type ClientOptions, Cluster } from "./cluster.ts";

const engine = await loadNodeEngine();

/** A client with SQLite on its replica of the one volume. */
export interface Replica extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly volume: Volume;
  readonly db: Database;
}

export interface ReplicaOptions extends Partial<Omit<DatabaseOptions, "volume">> {
  readonly directory?: { readonly path: string; readonly fileSystem: FileSystem };
  readonly interceptors?: ClientOptions["interceptors"];
}

/** A cluster in memory and its clients, which all have one volume. */
export class Replicas implements AsyncDisposable {
  readonly cluster: Cluster;
  #volume: Volume | undefined;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async start(): Promise<Replicas> {
    return new Replicas(await Cluster.start());
  }

  /** A client. The first one makes the volume: it has to push before the next one opens. */
  async open(options: ReplicaOptions = {}): Promise<Replica> {
    const { directory, interceptors, ...rest } = options;
    const { clock, random } = this.cluster;
    const runtime = await this.cluster.openClient({
      ...(directory && { directory }),
      ...(interceptors && { interceptors }),
    });
    const volume =
      this.#volume === undefined
        ? await runtime.createVolume()
        : await runtime.openVolume(this.#volume.volumeId);
    this.#volume ??= volume;
    const save = directory && {
      fileSystem: directory.fileSystem,
      directory: `${directory.path}/saved`,
    };
    const db = new Database({ volume, engine, clock, random, ...(save && { save }), ...rest });
    const close = async (): Promise<void> => {
      await db.close();
      await runtime.close();
    };
    return { runtime, volume, db, [Symbol.asyncDispose]: close };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

/** All rows of a query, as arrays. */
export async function rowsOf(db: Database, sql: string): Promise<unknown[][]> {
  return await db.prepare(sql).raw().all();
}
