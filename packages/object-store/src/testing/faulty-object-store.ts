import { type Clock, GraftError, type Random, randomUnit } from "@graft/core";
import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  ObjectStoreOperation,
  StoredObject,
} from "../object-store.ts";
import { FaultPlan, type FaultRule, type ObjectStoreFault } from "./fault-plan.ts";

/**
 * A store in bad weather: everything that a store over a network may do to its caller, by plan, and
 * the same again for the same seed. The plan may be replaced at any moment.
 */
export class FaultyObjectStore implements ObjectStore {
  readonly name: string;
  readonly #inner: ObjectStore;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #late = new Set<Promise<void>>();
  #plan: FaultPlan;

  constructor(inner: ObjectStore, rules: readonly FaultRule[], random: Random, clock: Clock) {
    this.name = inner.name;
    this.#inner = inner;
    this.#random = random;
    this.#clock = clock;
    this.#plan = new FaultPlan(rules);
  }

  /** Other weather from now on. Without rules: none. */
  setRules(...rules: readonly FaultRule[]): void {
    this.#plan = new FaultPlan(rules);
  }

  /** Calls struck since the rules were set. */
  get strikeCount(): number {
    return this.#plan.strikeCount;
  }

  /** Resolves when every write that lands late has landed. */
  async settled(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const fault = await this.#strike("get", key, options.signal);
    const object = await this.#apply("get", key, fault, () => this.#inner.get(key, options));
    return object === undefined ? undefined : this.#spoil(object, fault);
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const fault = await this.#strike("head", key, options.signal);
    return await this.#apply("head", key, fault, () => this.#inner.head(key, options));
  }

  async put(key: string, body: ObjectBody, options: CallOptions = {}): Promise<void> {
    const fault = await this.#strike("put", key, options.signal);
    await this.#apply("put", key, fault, () => this.#inner.put(key, body, options));
  }

  async create(
    key: string,
    body: ObjectBody,
    options: CallOptions = {},
  ): Promise<"created" | "exists"> {
    const fault = await this.#strike("create", key, options.signal);
    return await this.#apply("create", key, fault, () => this.#inner.create(key, body, options));
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    const fault = await this.#strike("delete", key, options.signal);
    await this.#apply("delete", key, fault, () => this.#inner.delete(key, options));
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ListedObject> {
    const fault = await this.#strike("list", prefix, options.signal);
    await this.#apply("list", prefix, fault, async () => undefined);
    yield* this.#inner.list(prefix, options);
  }

  serverTimeMs(): number | undefined {
    return this.#inner.serverTimeMs();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  /** Sits out the latencies; answers the fault that strikes, if any. */
  async #strike(
    operation: ObjectStoreOperation,
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<ObjectStoreFault | undefined> {
    let struck: ObjectStoreFault | undefined;
    for (const fault of this.#plan.strike(operation, key, this.#random)) {
      if (fault.kind === "latency") {
        const { minMs, maxMs } = fault;
        await this.#clock.sleep(minMs + randomUnit(this.#random) * (maxMs - minMs), signal);
      } else {
        struck = fault;
      }
    }
    return struck;
  }

  async #apply<T>(
    operation: ObjectStoreOperation,
    key: string,
    fault: ObjectStoreFault | undefined,
    call: () => Promise<T>,
  ): Promise<T> {
    const what = `${this.name}: ${operation} ${key}`;
    if (fault?.kind === "unavailable") {
      throw new GraftError("unavailable", `${what} was answered 503 (injected)`);
    }
    if (fault?.kind === "throttled") {
      const details = { retryAfterMs: fault.retryAfterMs };
      throw new GraftError("unavailable", `${what} was answered 503 SlowDown (injected)`, {
        details,
      });
    }
    if (fault?.kind === "reply-lost") {
      await call();
      throw new GraftError("unavailable", `${what} got no answer (injected)`);
    }
    if (fault?.kind === "lands-late") {
      this.#landLater(fault.delayMs, call);
      throw new GraftError("unavailable", `${what} got no answer (injected, lands late)`);
    }
    return await call();
  }

  /** What the late call answers, nobody hears; that includes its failure. */
  #landLater(delayMs: number, call: () => Promise<unknown>): void {
    const landing = (async (): Promise<void> => {
      await this.#clock.sleep(delayMs);
      await call().catch(() => undefined);
    })();
    this.#late.add(landing);
    landing.finally(() => this.#late.delete(landing));
  }

  #spoil(object: StoredObject, fault: ObjectStoreFault | undefined): StoredObject {
    if (object.bytes.length === 0) return object;
    const at = Math.floor(randomUnit(this.#random) * object.bytes.length);
    if (fault?.kind === "truncated") return { ...object, bytes: object.bytes.slice(0, at) };
    if (fault?.kind !== "corrupted") return object;
    const bytes = object.bytes.slice();
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(randomUnit(this.#random) * 8));
    return { ...object, bytes };
  }
}
