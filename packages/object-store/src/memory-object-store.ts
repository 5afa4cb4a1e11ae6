import { type Clock, concatBytes } from "@graft/core";
import { bodyParts } from "./object-body.ts";
import { checkObjectKey, checkObjectPrefix } from "./object-path.ts";
import { checkObjectRange, toByteWindow } from "./object-range.ts";
import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from "./object-store.ts";

/**
 * Objects in a map, for tests and for servers that need to keep nothing. Several nodes of one
 * process share a store by sharing the instance. With a clock it tells the time, as S3 does.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly name = "memory:";
  readonly #objects = new Map<string, Uint8Array>();
  readonly #clock: Clock | undefined;

  constructor(clock?: Clock) {
    this.#clock = clock;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    checkObjectKey(key);
    checkObjectRange(options.range);
    options.signal?.throwIfAborted();
    const object = this.#objects.get(key);
    if (object === undefined) return undefined;
    const window = toByteWindow(options.range, object.length);
    return { bytes: object.slice(window.start, window.end), size: object.length };
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectKey(key);
    options.signal?.throwIfAborted();
    const object = this.#objects.get(key);
    return object === undefined ? undefined : { size: object.length };
  }

  async put(key: string, body: ObjectBody, options: CallOptions = {}): Promise<void> {
    checkObjectKey(key);
    options.signal?.throwIfAborted();
    this.#objects.set(key, concatBytes(bodyParts(body)));
  }

  async create(
    key: string,
    body: ObjectBody,
    options: CallOptions = {},
  ): Promise<"created" | "exists"> {
    checkObjectKey(key);
    options.signal?.throwIfAborted();
    // Nothing is awaited between the check and the write, so no other call gets between them.
    if (this.#objects.has(key)) return "exists";
    this.#objects.set(key, concatBytes(bodyParts(body)));
    return "created";
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    checkObjectKey(key);
    options.signal?.throwIfAborted();
    this.#objects.delete(key);
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ListedObject> {
    checkObjectPrefix(prefix);
    options.signal?.throwIfAborted();
    for (const [key, object] of [...this.#objects]) {
      if (key.startsWith(prefix)) yield { key, size: object.length };
    }
  }

  serverTimeMs(): number | undefined {
    return this.#clock?.nowMs();
  }

  async close(): Promise<void> {}
}
