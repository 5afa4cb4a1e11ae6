import type { GraftErrorCode } from "@graft/core";
import type { ObjectStoreOperation } from "./object-store.ts";

/** One request to a store, after its answer: what a bill would list. */
export interface ObjectStoreRequest {
  readonly operation: ObjectStoreOperation;
  /** Of the object; of a listing its prefix. */
  readonly key: string;
  /**
   * How it ended: "missing" (a get or head of no object) and "exists" are answers, the codes are
   * errors.
   */
  readonly outcome: "ok" | "missing" | "exists" | "aborted" | GraftErrorCode;
  /** Object bytes sent. */
  readonly sentBytes: number;
  /** Object bytes received. */
  readonly receivedBytes: number;
  readonly durationMs: number;
}

/** Totals of one kind of request. */
export interface RequestCount {
  readonly requests: number;
  /** Of these, how many ended in an error or were aborted. */
  readonly failures: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Totals by kind; every kind is there, also when it never happened. */
export type RequestCounts = Readonly<Record<ObjectStoreOperation, RequestCount>>;

/** Called for each request, synchronously, after it was counted. It must not throw. */
export type RequestListener = (request: ObjectStoreRequest) => void;

const NONE: RequestCount = { requests: 0, failures: 0, sentBytes: 0, receivedBytes: 0 };
const ANSWERS: ReadonlySet<string> = new Set(["ok", "missing", "exists"]);

/** Counts the requests of a store. */
export class RequestMeter {
  readonly #counts: Record<ObjectStoreOperation, RequestCount> = {
    get: NONE,
    head: NONE,
    put: NONE,
    create: NONE,
    delete: NONE,
    list: NONE,
  };
  readonly #listeners = new Set<RequestListener>();

  record(request: ObjectStoreRequest): void {
    const count = this.#counts[request.operation];
    this.#counts[request.operation] = {
      requests: count.requests + 1,
      failures: count.failures + (ANSWERS.has(request.outcome) ? 0 : 1),
      sentBytes: count.sentBytes + request.sentBytes,
      receivedBytes: count.receivedBytes + request.receivedBytes,
    };
    for (const listener of this.#listeners) listener(request);
  }

  /** The totals so far. A copy. */
  snapshot(): RequestCounts {
    return { ...this.#counts };
  }

  /** Requests of all kinds so far. */
  get requestCount(): number {
    return Object.values(this.#counts).reduce((sum, count) => sum + count.requests, 0);
  }

  /** Hears of every request from now on. The answer stops it. */
  listen(listener: RequestListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
