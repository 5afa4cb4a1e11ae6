import { type FileSystem, GraftError, isGraftError } from "@graft/core";
import { bodyParts } from "./object-body.ts";
import { checkObjectKey, checkObjectPrefix } from "./object-path.ts";
import { checkObjectRange, toByteWindow } from "./object-range.ts";
import {
  type CallOptions,
  type GetOptions,
  type ListedObject,
  OBJECT_SIZE_MAX,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  type StoredObject,
} from "./object-store.ts";

export interface FileObjectStoreOptions {
  /** The folder that holds the objects; made when missing. A key is a path below it. */
  readonly root: string;
  readonly fileSystem: FileSystem;
}

/**
 * Objects as files of one folder, safe between processes: a file appears under its name complete
 * and synced, and `create` links it there, which the kernel refuses when the name is taken. A write
 * that dies half way leaves a `*.tmp` file, which nobody reads or lists.
 */
export class FileObjectStore implements ObjectStore {
  readonly name: string;
  readonly #root: string;
  readonly #fileSystem: FileSystem;

  constructor(options: FileObjectStoreOptions) {
    this.name = `file:${options.root}`;
    this.#root = options.root;
    this.#fileSystem = options.fileSystem;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const path = this.#path(key);
    checkObjectRange(options.range);
    options.signal?.throwIfAborted();
    const info = this.#stat(key, path);
    if (info === undefined) return undefined;
    if (options.range === undefined) {
      const bytes = await this.#fileSystem.readWhole(path);
      return bytes === undefined ? undefined : { bytes, size: bytes.length };
    }
    const window = toByteWindow(options.range, info.size);
    const range = { offset: window.start, size: window.end - window.start };
    const bytes = await this.#fileSystem.readWhole(path, range);
    return bytes === undefined ? undefined : { bytes, size: info.size };
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const path = this.#path(key);
    options.signal?.throwIfAborted();
    return this.#stat(key, path);
  }

  async put(key: string, body: ObjectBody, options: CallOptions = {}): Promise<void> {
    const path = this.#path(key);
    options.signal?.throwIfAborted();
    await this.#fileSystem.writeWhole(path, bodyParts(body), "replace");
  }

  async create(
    key: string,
    body: ObjectBody,
    options: CallOptions = {},
  ): Promise<"created" | "exists"> {
    const path = this.#path(key);
    options.signal?.throwIfAborted();
    const parts = bodyParts(body);
    return (await this.#fileSystem.writeWhole(path, parts, "create-only")) ? "created" : "exists";
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    const path = this.#path(key);
    options.signal?.throwIfAborted();
    if (this.#stat(key, path) === undefined) return;
    this.#fileSystem.remove(path);
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ListedObject> {
    checkObjectPrefix(prefix);
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    yield* this.#walk(folder, prefix, options.signal);
  }

  serverTimeMs(): number | undefined {
    return undefined;
  }

  async close(): Promise<void> {}

  /** Objects below `folder` ("" or "a/b/") whose key starts with the prefix. */
  *#walk(folder: string, prefix: string, signal?: AbortSignal): Iterable<ListedObject> {
    signal?.throwIfAborted();
    for (const entry of this.#fileSystem.list(`${this.#root}/${folder}`) ?? []) {
      const key = `${folder}${entry}`;
      if (!key.startsWith(prefix) && !prefix.startsWith(`${key}/`)) continue;
      const stat = this.#fileSystem.stat(`${this.#root}/${key}`);
      if (stat?.kind === "directory") yield* this.#walk(`${key}/`, prefix, signal);
      if (stat?.kind === "file" && !key.endsWith(".tmp")) yield { key, size: stat.size };
    }
  }

  #path(key: string): string {
    checkObjectKey(key);
    return `${this.#root}/${key}`;
  }

  #stat(key: string, path: string): ObjectInfo | undefined {
    const stat = statFile(this.#fileSystem, path);
    if (stat !== undefined && stat.size > OBJECT_SIZE_MAX) {
      const why = `${stat.size} bytes, expected at most ${OBJECT_SIZE_MAX}`;
      throw new GraftError("resource-exhausted", `object "${key}" is too large: ${why}`);
    }
    return stat;
  }
}

/** A folder is no object. */
function statFile(fileSystem: FileSystem, path: string): ObjectInfo | undefined {
  try {
    const stat = fileSystem.stat(path);
    return stat?.kind === "file" ? { size: stat.size } : undefined;
  } catch (error) {
    if (isGraftError(error, "not-found")) return undefined;
    throw error;
  }
}
