import type { CommitNote, FetchNeed, Volume } from "@graft/client";
import { GraftError } from "@graft/core";
import {
  type PragmaAnswer,
  SQLITE_CANTOPEN,
  SqliteError,
  type Vfs,
  type VfsFile,
  type VfsOpenRequest,
} from "@graft/sqlite-engine";
import { UpcomingQuery } from "./connection/upcoming-query.ts";
import type { SpillArea, SpillContent } from "./file/spill-area.ts";
import { SpillFile } from "./file/spill-file.ts";
import { VolumeFile } from "./file/volume-file.ts";
import type { VolumeFileHost } from "./file/volume-file-host.ts";

export interface GraftVfsOptions {
  /** For messages. */
  readonly name: string;
  /** The volume that a database name stands for; undefined when there is none. */
  readonly volumeOf: (name: string) => Volume | undefined;
  readonly spill: SpillArea;
  readonly pragma: (file: VolumeFile, name: string, value: string | undefined) => PragmaAnswer;
  /**
   * What a commit of a file carries along. `isAlone`: no other file of the connection is written in
   * the same transaction.
   */
  readonly noteOf?: (file: VolumeFile, isAlone: boolean) => CommitNote | undefined;
}

interface SpillEntry {
  readonly content: SpillContent;
  openCount: number;
  isDeleted: boolean;
}

/**
 * The files of one connection: a volume for each database, and for journals and temporary files
 * space that nobody else sees and that ends with the connection.
 */
export class GraftVfs implements Vfs, VolumeFileHost {
  readonly name: string;
  readonly #options: GraftVfsOptions;
  /** With the names of their journals. */
  readonly #volumeFiles = new Map<VolumeFile, string>();
  readonly #entries = new Map<string, SpillEntry>();
  readonly #contents = new Set<SpillContent>();
  readonly #closing = new AbortController();

  constructor(options: GraftVfsOptions) {
    this.name = options.name;
    this.#options = options;
  }

  open(request: VfsOpenRequest): VfsFile {
    if (request.kind === "main") return this.#openVolume(request);
    if (request.kind === "wal") {
      throw new SqliteError(SQLITE_CANTOPEN, "a database on a volume has no write-ahead log");
    }
    return this.#openSpill(request);
  }

  delete(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    entry.isDeleted = true;
    if (entry.openCount === 0) this.#drop(entry.content);
  }

  exists(name: string): boolean {
    return this.#entries.has(name) || this.#options.volumeOf(name) !== undefined;
  }

  hasSeveralFiles(): boolean {
    return this.#volumeFiles.size > 1;
  }

  need(owner: object | undefined): FetchNeed | undefined {
    return owner instanceof UpcomingQuery ? owner.need(!this.hasSeveralFiles()) : undefined;
  }

  pragma(file: VolumeFile, name: string, value: string | undefined): PragmaAnswer {
    return this.#options.pragma(file, name, value);
  }

  noteOf(file: VolumeFile): CommitNote | undefined {
    const others = this.#volumeFiles.keys().filter((other) => other !== file);
    return this.#options.noteOf?.(file, !others.some((other) => other.isReserved()));
  }

  /**
   * A rollback that could not be played to its end (a full disk) leaves its journal, and SQLite
   * would play it once more, over a volume that never had the transaction and may have moved on.
   */
  onRelease(file: VolumeFile): void {
    const journal = this.#volumeFiles.get(file);
    if (journal !== undefined) this.delete(journal);
  }

  onClose(file: VolumeFile): void {
    this.#volumeFiles.delete(file);
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Ends all waiting for pages, for good: what waits fails. */
  stopFetching(): void {
    this.#closing.abort(new GraftError("unavailable", "the connection was closed"));
  }

  /** Whether its one database is locked to read, on what is still the latest snapshot. */
  get isOnLatest(): boolean {
    const [only, another] = this.#volumeFiles.keys();
    return another === undefined && only !== undefined && only.isOnLatest;
  }

  /** Whether any database of the connection is in a write transaction. */
  get isWriting(): boolean {
    return this.#volumeFiles.keys().some((file) => file.isWriting);
  }

  /**
   * Ends everything at once: open transactions are rolled back, locks released, temporary files
   * gone. For an instance that broke and is thrown away.
   */
  dispose(): void {
    for (const file of [...this.#volumeFiles.keys()]) file.close();
    for (const content of this.#contents) content.clear();
    this.#contents.clear();
    this.#entries.clear();
  }

  #openVolume(request: VfsOpenRequest): VfsFile {
    const name = request.name ?? "";
    const volume = this.#options.volumeOf(name);
    if (volume === undefined) {
      throw new SqliteError(
        SQLITE_CANTOPEN,
        `no volume is known as "${name}": name it with attach() first`,
      );
    }
    const file = new VolumeFile({ volume, host: this, isReadOnly: request.readOnly });
    this.#volumeFiles.set(file, `${name}-journal`);
    return file;
  }

  #openSpill({ name, create, deleteOnClose }: VfsOpenRequest): VfsFile {
    const entry = this.#entryFor(name, create);
    entry.openCount++;
    return new SpillFile(entry.content, () => {
      entry.openCount--;
      if (name !== undefined && deleteOnClose) this.delete(name);
      if (entry.isDeleted && entry.openCount === 0) this.#drop(entry.content);
    });
  }

  #entryFor(name: string | undefined, create: boolean): SpillEntry {
    const known = name === undefined ? undefined : this.#entries.get(name);
    if (known !== undefined) return known;
    if (!create && name !== undefined) {
      throw new SqliteError(SQLITE_CANTOPEN, `there is no file "${name}"`);
    }
    const content = this.#options.spill.create();
    this.#contents.add(content);
    const entry: SpillEntry = { content, openCount: 0, isDeleted: name === undefined };
    if (name !== undefined) this.#entries.set(name, entry);
    return entry;
  }

  #drop(content: SpillContent): void {
    content.clear();
    this.#contents.delete(content);
  }
}
