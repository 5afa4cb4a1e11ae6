import { type Clock, isGraftError } from "@graft/core";
import { bodySize } from "./object-body.ts";
import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  ObjectStoreOperation,
  StoredObject,
} from "./object-store.ts";
import { type ObjectStoreRequest, RequestMeter } from "./request-meter.ts";

/**
 * Counts each call of a store as one request. Put it below retries, so that every try counts. A
 * store whose calls are several requests (S3: uploads in parts, listings in pages) takes a meter
 * itself.
 */
export class MeteredObjectStore implements ObjectStore {
  readonly name: string;
  readonly meter: RequestMeter;
  readonly #inner: ObjectStore;
  readonly #clock: Clock;

  constructor(inner: ObjectStore, clock: Clock, meter: RequestMeter = new RequestMeter()) {
    this.name = inner.name;
    this.meter = meter;
    this.#inner = inner;
    this.#clock = clock;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    return await this.#count("get", key, 0, async () => {
      const value = await this.#inner.get(key, options);
      const outcome = value === undefined ? "missing" : "ok";
      return { value, outcome, receivedBytes: value?.bytes.length ?? 0 };
    });
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return await this.#count("head", key, 0, async () => {
      const value = await this.#inner.head(key, options);
      return { value, outcome: value === undefined ? "missing" : "ok" };
    });
  }

  async put(key: string, body: ObjectBody, options: CallOptions = {}): Promise<void> {
    await this.#count("put", key, bodySize(body), async () => {
      await this.#inner.put(key, body, options);
      return { value: undefined, outcome: "ok" };
    });
  }

  async create(
    key: string,
    body: ObjectBody,
    options: CallOptions = {},
  ): Promise<"created" | "exists"> {
    return await this.#count("create", key, bodySize(body), async () => {
      const value = await this.#inner.create(key, body, options);
      return { value, outcome: value === "created" ? "ok" : "exists" };
    });
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    await this.#count("delete", key, 0, async () => {
      await this.#inner.delete(key, options);
      return { value: undefined, outcome: "ok" };
    });
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ListedObject> {
    const startedMs = this.#clock.monotonicMs();
    let outcome: ObjectStoreRequest["outcome"] = "ok";
    try {
      yield* this.#inner.list(prefix, options);
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      this.#record({ operation: "list", key: prefix, outcome }, startedMs);
    }
  }

  serverTimeMs(): number | undefined {
    return this.#inner.serverTimeMs();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #count<T>(
    operation: ObjectStoreOperation,
    key: string,
    sentBytes: number,
    run: () => Promise<Answer<T>>,
  ): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    try {
      const { value, outcome, receivedBytes } = await run();
      this.#record({ operation, key, outcome, sentBytes, receivedBytes }, startedMs);
      return value;
    } catch (error) {
      this.#record({ operation, key, outcome: outcomeOf(error), sentBytes }, startedMs);
      throw error;
    }
  }

  #record(request: Ended, startedMs: number): void {
    const { sentBytes = 0, receivedBytes = 0 } = request;
    const durationMs = this.#clock.monotonicMs() - startedMs;
    this.meter.record({ ...request, sentBytes, receivedBytes, durationMs });
  }
}

type Ended = Pick<ObjectStoreRequest, "operation" | "key" | "outcome"> & {
  readonly sentBytes?: number | undefined;
  readonly receivedBytes?: number | undefined;
};

interface Answer<T> {
  readonly value: T;
  readonly outcome: ObjectStoreRequest["outcome"];
  readonly receivedBytes?: number;
}

/** Whatever is not an error of ours is the reason of an abort. */
function outcomeOf(error: unknown): ObjectStoreRequest["outcome"] {
  return isGraftError(error) ? error.code : "aborted";
}
