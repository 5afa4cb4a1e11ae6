/**
 * A data directory: what one client keeps on a disk.
 *
 * ```
 * <path>/lock               held by the process that uses the directory; the kernel lets go at its
 * death <path>/directory.json     { format, version, clientId, volumes, tags }, replaced atomically
 * <path>/volumes/<vid>/     the local store of one volume (docs/formats/local-store.md)
 * ```
 */
import {
  type ClientId,
  type Clock,
  createClientId,
  type FileLock,
  type FileSystem,
  GraftError,
  parseClientId,
  parseVolumeId,
  type Random,
  type VolumeId,
} from "@graft/core";
import { TaskQueue } from "./sync/task-queue.ts";

const FORMAT = "graft-data-directory";
const VERSION = 1;
const TAG_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Where a volume in the directory came from: a created one needs no server until its first push.
 */
export type VolumeOrigin = "created" | "cloned";

export interface DirectoryMeans {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

interface Contents {
  readonly clientId: ClientId;
  readonly volumes: ReadonlyMap<VolumeId, VolumeOrigin>;
  readonly tags: ReadonlyMap<string, VolumeId>;
}

export class DataDirectory {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #lock: FileLock;
  /** One change after the other, each on what the one before left. */
  readonly #changes = new TaskQueue();
  #contents: Contents;
  #isClosed = false;

  private constructor(path: string, fileSystem: FileSystem, lock: FileLock, contents: Contents) {
    this.path = path;
    this.#fileSystem = fileSystem;
    this.#lock = lock;
    this.#contents = contents;
  }

  /**
   * Opens the directory, making it when missing, and locks it.
   *
   * @throws GraftError `busy`: another process uses it · `invalid-argument`: a newer format, or
   *   something else lies there · `corrupt` · `io`
   */
  static async open(path: string, means: DirectoryMeans): Promise<DataDirectory> {
    const { fileSystem } = means;
    if (fileSystem.stat(path)?.kind === "file") {
      throw new GraftError(
        "invalid-argument",
        `data directory "${path}" is a file: name a directory`,
      );
    }
    fileSystem.makeDirectory(path);
    const lock = fileSystem.lock(`${path}/lock`);
    if (lock === undefined) {
      throw new GraftError(
        "busy",
        `data directory "${path}" is used by another process: close it, or use another directory`,
      );
    }
    try {
      const stored = await fileSystem.readWhole(fileOf(path));
      if (stored !== undefined) {
        return new DataDirectory(path, fileSystem, lock, parseContents(path, stored));
      }
      const contents = { clientId: createClientId(means), volumes: new Map(), tags: new Map() };
      const directory = new DataDirectory(path, fileSystem, lock, contents);
      await directory.#save(contents);
      return directory;
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  get clientId(): ClientId {
    return this.#contents.clientId;
  }

  /** Local names of volumes. */
  get tags(): ReadonlyMap<string, VolumeId> {
    return this.#contents.tags;
  }

  get volumes(): ReadonlyMap<VolumeId, VolumeOrigin> {
    return this.#contents.volumes;
  }

  /** Where the local store of a volume lies. */
  volumePath(volumeId: VolumeId): string {
    return `${this.path}/volumes/${volumeId}`;
  }

  /** Remembers a volume; a known one keeps its origin. */
  async addVolume(volumeId: VolumeId, origin: VolumeOrigin): Promise<void> {
    await this.#change(async () => {
      if (this.volumes.has(volumeId)) return;
      await this.#save({
        ...this.#contents,
        volumes: new Map([...this.volumes, [volumeId, origin]]),
      });
    });
  }

  /** @throws GraftError `invalid-argument`: a malformed tag, or one that names another volume */
  async addTag(tag: string, volumeId: VolumeId): Promise<void> {
    checkTag(tag);
    await this.#change(async () => {
      const taken = this.tags.get(tag);
      if (taken === volumeId) return;
      if (taken !== undefined) {
        throw new GraftError(
          "invalid-argument",
          `tag "${tag}" in "${this.path}" names volume ${taken}, not ${volumeId}: use another tag`,
        );
      }
      await this.#save({ ...this.#contents, tags: new Map([...this.tags, [tag, volumeId]]) });
    });
  }

  /** Gives the lock back, after the changes under way: the next holder must not be overwritten. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#changes.drained();
    this.#lock.close();
  }

  async #change(change: () => Promise<void>): Promise<void> {
    if (this.#isClosed) {
      throw new GraftError(
        "invalid-argument",
        `data directory "${this.path}" is closed: open it again`,
      );
    }
    await this.#changes.run(change);
  }

  async #save(contents: Contents): Promise<void> {
    const text = JSON.stringify(
      {
        format: FORMAT,
        version: VERSION,
        clientId: contents.clientId,
        volumes: Object.fromEntries(contents.volumes),
        tags: Object.fromEntries(contents.tags),
      },
      undefined,
      2,
    );
    const bytes = new TextEncoder().encode(`${text}\n`);
    await this.#fileSystem.writeWhole(fileOf(this.path), [bytes], "replace");
    this.#contents = contents;
  }
}

function fileOf(path: string): string {
  return `${path}/directory.json`;
}

/** @throws GraftError `invalid-argument` */
export function checkTag(tag: string): void {
  if (TAG_PATTERN.test(tag)) return;
  throw new GraftError(
    "invalid-argument",
    `invalid tag "${tag}": expected 1 … 64 letters, digits, ".", "_" or "-", a letter or digit first`,
  );
}

function parseContents(path: string, bytes: Uint8Array): Contents {
  const value = parseJson(path, bytes);
  const version = value.version;
  if (value.format !== FORMAT || typeof version !== "number") {
    throw corrupt(path, `expected format "${FORMAT}" and a version`);
  }
  if (version > VERSION) {
    throw new GraftError(
      "invalid-argument",
      `data directory "${path}" has format version ${version}, this program knows up to ${VERSION}: ` +
        "use a newer program; nothing was changed",
    );
  }
  try {
    return {
      clientId: parseClientId(String(value.clientId)),
      volumes: new Map(
        entriesOf(value.volumes).map(([id, origin]) => [parseVolumeId(id), parseOrigin(origin)]),
      ),
      tags: new Map(entriesOf(value.tags).map(([tag, id]) => [tag, parseVolumeId(String(id))])),
    };
  } catch (cause) {
    throw corrupt(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function parseJson(path: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return Object.fromEntries(entriesOf(value));
  } catch (cause) {
    throw corrupt(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError("expected an object");
  }
  return Object.entries(value);
}

function parseOrigin(value: unknown): VolumeOrigin {
  if (value === "created" || value === "cloned") return value;
  throw new TypeError(`expected "created" or "cloned", got ${JSON.stringify(value)}`);
}

function corrupt(path: string, why: string): GraftError {
  return new GraftError("corrupt", `"${path}/directory.json" is damaged: ${why}`);
}
