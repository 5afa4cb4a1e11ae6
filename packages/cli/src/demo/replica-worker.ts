/**
 * A replica in a process of its own: it does what its parent asks over the process channel, one
 * thing at a time, and ends with it.
 */
import type { Progress, Volume } from "@graft/client";
import { GraftError, isGraftError, parseVolumeId } from "@graft/core";
import { type Database, exportDatabase } from "@graft/sqlite";
import type { Invocation } from "../command.ts";
import { messageOf } from "../describe-error.ts";
import { importFile } from "../replica/import-file.ts";
import { openDatabaseOf } from "../replica/open-database-of.ts";
import { openReplica, type Replica } from "../replica/open-replica.ts";
import { canonicalRows } from "./canonical-rows.ts";
import type { WorkerCallName, WorkerCalls, WorkerReply, WorkerRequest } from "./worker-messages.ts";

const TAG = "demo";

type Handlers = {
  readonly [Name in WorkerCallName]: (
    request: Parameters<WorkerCalls[Name]>[0],
  ) => Promise<ReturnType<WorkerCalls[Name]>>;
};

export class ReplicaWorker {
  readonly #invocation: Invocation;
  readonly #onProgress: (progress: Progress) => void;
  #replica: Replica | undefined;
  #volume: Volume | undefined;
  #database: Database | undefined;

  constructor(invocation: Invocation, onProgress: (progress: Progress) => void) {
    this.#invocation = invocation;
    this.#onProgress = onProgress;
  }

  /** Answers one request. Never throws. */
  async answer({ id, name, argument }: WorkerRequest): Promise<WorkerReply> {
    try {
      const handle = this.#handlers[name] as (request: unknown) => Promise<unknown>;
      return { kind: "answer", id, value: await handle(argument) };
    } catch (error) {
      const code = isGraftError(error) ? error.code : "internal";
      return { kind: "error", id, code, message: messageOf(error) };
    }
  }

  async close(): Promise<void> {
    await this.#database?.close();
    await this.#replica?.[Symbol.asyncDispose]();
  }

  readonly #handlers: Handlers = {
    start: async ({ path, metastore, pagestore }) => {
      const values = new Map([
        ["path", path],
        ["url", metastore],
        ["pagestore-url", pagestore],
      ]);
      this.#replica = await openReplica({ ...this.#invocation, values }, "create");
      return null;
    },

    import: async ({ file }) => {
      const { signal, surroundings } = this.#invocation;
      const { volume, pageCount, pageSize, segmentCount, seconds, warnings } = await importFile(
        this.#mustReplica(),
        { file, tag: TAG, surroundings, signal, onProgress: this.#onProgress },
      );
      await this.#use(volume);
      return {
        volume: volume.volumeId,
        pages: pageCount,
        pageSize,
        segments: segmentCount,
        seconds,
        warnings,
      };
    },

    clone: async ({ volume }) => {
      const { runtime } = this.#mustReplica();
      const opened = await runtime.openVolume(parseVolumeId(volume), this.#invocation.signal);
      await runtime.addTag(TAG, opened.volumeId);
      await this.#use(opened);
      return { pages: opened.status().snapshot.pageCount };
    },

    query: async ({ sql, parameters }) => {
      const { clock } = this.#invocation.surroundings;
      const before = this.#mustVolume().status().cached.pages;
      const startMs = clock.monotonicMs();
      const statement = this.#mustDatabase().prepare(sql).raw();
      statement.setReadBigInts(true);
      const rows = await statement.all(...parameters);
      const ms = clock.monotonicMs() - startMs;
      const pages = this.#mustVolume().status().cached.pages - before;
      return { canonical: canonicalRows(rows), rowCount: rows.length, ms, pages };
    },

    write: async ({ statements }) => {
      await this.#mustDatabase().transaction(async (transaction) => {
        for (const { sql, parameters } of statements) {
          await transaction.prepare(sql).run(...parameters);
        }
      });
      return null;
    },

    push: async () => {
      try {
        const { kind } = await this.#mustDatabase().push();
        return { outcome: kind };
      } catch (error) {
        if (isGraftError(error, "diverged")) return { outcome: "diverged" };
        throw error;
      }
    },

    pull: async () => {
      const { changedPageCount } = await this.#mustDatabase().pull();
      return { changedPages: changedPageCount };
    },

    status: async () => {
      const { state, local } = this.#mustVolume().status();
      return { state, pending: local.pending };
    },

    reset: async () => {
      const { savedFile } = await this.#mustDatabase().reset();
      return { savedFile };
    },

    hydrate: async () => {
      const result = await this.#mustDatabase().hydrate({ onProgress: this.#onProgress });
      return { fetchedPages: result.fetchedPageCount };
    },

    export: async ({ file }) => {
      const { fileSystem, random } = this.#invocation.surroundings;
      const reader = this.#mustVolume().openReader();
      try {
        const { pages } = await exportDatabase({ reader, fileSystem, random, path: file });
        return { pages };
      } finally {
        reader.close();
      }
    },

    traffic: async () => this.#mustReplica().traffic(),
  };

  async #use(volume: Volume): Promise<void> {
    const replica = this.#mustReplica();
    this.#volume = volume;
    this.#database = await openDatabaseOf(volume, replica, this.#invocation.surroundings);
  }

  #mustReplica(): Replica {
    return mustBeThere(this.#replica);
  }

  #mustVolume(): Volume {
    return mustBeThere(this.#volume);
  }

  #mustDatabase(): Database {
    return mustBeThere(this.#database);
  }
}

function mustBeThere<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new GraftError("internal", "the demo's replica was asked before it was opened");
}
