import { type Clock, isGraftError, type Random, type RetryPolicy, retry } from "@graft/core";
import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from "./object-store.ts";

export interface RetryingObjectStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How often and how patiently. Default: core's, 5 tries within ≈ 1.5 s. */
  readonly policy?: RetryPolicy | undefined;
}

/**
 * Tries again what failed as `unavailable` and may be repeated without harm: get, head, put,
 * delete, and a list that has not begun to answer. Never `create`: when its first try landed
 * without a reply, a second one would answer "exists" and make a commit that succeeded look like a
 * lost race. Whoever creates reads back.
 */
export class RetryingObjectStore implements ObjectStore {
  readonly name: string;
  readonly #inner: ObjectStore;
  readonly #options: RetryingObjectStoreOptions;

  constructor(inner: ObjectStore, options: RetryingObjectStoreOptions) {
    this.name = inner.name;
    this.#inner = inner;
    this.#options = options;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    return await this.#retry(() => this.#inner.get(key, options), options.signal);
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return await this.#retry(() => this.#inner.head(key, options), options.signal);
  }

  async put(key: string, body: ObjectBody, options: CallOptions = {}): Promise<void> {
    await this.#retry(() => this.#inner.put(key, body, options), options.signal);
  }

  async create(
    key: string,
    body: ObjectBody,
    options: CallOptions = {},
  ): Promise<"created" | "exists"> {
    return await this.#inner.create(key, body, options);
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    await this.#retry(() => this.#inner.delete(key, options), options.signal);
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ListedObject> {
    const open = async (): Promise<Begun> => {
      const rest = this.#inner.list(prefix, options)[Symbol.asyncIterator]();
      return { first: await rest.next(), rest };
    };
    const { first, rest } = await this.#retry(open, options.signal);
    try {
      for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
    } finally {
      await rest.return?.();
    }
  }

  serverTimeMs(): number | undefined {
    return this.#inner.serverTimeMs();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #retry<T>(run: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { clock, random, policy } = this.#options;
    return await retry(
      {
        clock,
        random,
        signal,
        isRepeatable: (error) => isGraftError(error, "unavailable"),
        ...(policy === undefined ? {} : { policy }),
      },
      run,
    );
  }
}

interface Begun {
  readonly first: IteratorResult<ListedObject>;
  readonly rest: AsyncIterator<ListedObject>;
}
