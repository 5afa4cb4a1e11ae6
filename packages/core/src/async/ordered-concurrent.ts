import { invariant } from "../assert.ts";
import { orAborted } from "./or-aborted.ts";

export interface ConcurrentOptions {
  /** Items under way or waiting to be taken, at once, ≥ 1: bounds memory as well as load. */
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param signal aborted with the caller's, and when the consumer stopped or an earlier item failed
 */
export type MapItem<In, Out> = (item: In, at: number, signal: AbortSignal) => Promise<Out>;

/**
 * Maps items with bounded concurrency; results come in the order of the items. An item is taken
 * from the source only when there is room for it, so the source may be endless.
 *
 * Results before the first failure are delivered, then the failure is thrown. However it ends,
 * nothing is left running: items under way are aborted and waited for, and the source is closed.
 */
export async function* mapOrdered<In, Out>(
  source: Iterable<In> | AsyncIterable<In>,
  options: ConcurrentOptions,
  map: MapItem<In, Out>,
): AsyncGenerator<Out, void, undefined> {
  const pump = new Pump(source, options, map);
  try {
    while (true) {
      const next = await pump.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await pump.close();
  }
}

/** All results of `mapOrdered` at once. */
export async function mapConcurrent<In, Out>(
  source: Iterable<In> | AsyncIterable<In>,
  options: ConcurrentOptions,
  map: MapItem<In, Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  for await (const result of mapOrdered(source, options, map)) results.push(result);
  return results;
}

/** Why items are stopped. One for all: making an error with its stack is dear. */
const UNWANTED = new DOMException("the results are no longer wanted", "AbortError");

/** Keeps up to `concurrency` results in order, and starts an item whenever there is room. */
class Pump<In, Out> {
  readonly #iterator: Iterator<In> | AsyncIterator<In>;
  readonly #concurrency: number;
  readonly #map: MapItem<In, Out>;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  readonly #itemSignal: AbortSignal;
  readonly #results: Promise<Out>[] = [];
  #startedCount = 0;
  #isDone = false;
  #filling: Promise<void> | undefined;
  #change = Promise.withResolvers<void>();

  constructor(
    source: Iterable<In> | AsyncIterable<In>,
    { concurrency, signal }: ConcurrentOptions,
    map: MapItem<In, Out>,
  ) {
    invariant(Number.isInteger(concurrency) && concurrency >= 1, "at least one item is under way");
    this.#iterator = iteratorOf(source);
    this.#concurrency = concurrency;
    this.#map = map;
    this.#signal = signal;
    const stop = this.#stop.signal;
    this.#itemSignal = signal === undefined ? stop : AbortSignal.any([signal, stop]);
  }

  async next(): Promise<IteratorResult<Out, undefined>> {
    while (true) {
      this.#signal?.throwIfAborted();
      this.#fill();
      const [oldest] = this.#results;
      if (oldest !== undefined) {
        const value = await orAborted(oldest, this.#signal);
        this.#results.shift();
        // The freed place is used while the consumer is busy with this value.
        this.#fill();
        return { done: false, value };
      }
      if (this.#isDone) return { done: true, value: undefined };
      await orAborted(this.#change.promise, this.#signal);
    }
  }

  async close(): Promise<void> {
    this.#isDone = true;
    this.#stop.abort(UNWANTED);
    await this.#filling;
    await Promise.allSettled(this.#results);
    await this.#iterator.return?.();
  }

  /** Starts items until there is no more room, in the background. */
  #fill(): void {
    if (this.#filling !== undefined || !this.#hasRoom) return;
    this.#filling = this.#startItems();
  }

  get #hasRoom(): boolean {
    return !this.#isDone && this.#results.length < this.#concurrency;
  }

  /** Never rejects. */
  async #startItems(): Promise<void> {
    try {
      while (this.#hasRoom) {
        const next = await this.#iterator.next();
        if (next.done === true) this.#isDone = true;
        else if (!this.#isDone) this.#start(next.value);
        this.#announce();
      }
    } catch (error) {
      // The source failed: its error takes the place of the item it did not give.
      this.#push(Promise.reject(error));
      this.#isDone = true;
      this.#announce();
    } finally {
      // Here and not in a `then`: between the two a caller would take it for still at work.
      this.#filling = undefined;
    }
  }

  #start(item: In): void {
    const at = this.#startedCount++;
    this.#push((async () => await this.#map(item, at, this.#itemSignal))());
  }

  #push(result: Promise<Out>): void {
    this.#results.push(result);
    // Handled here because it is awaited only when its turn comes; a failure starts nothing new.
    result.catch(() => {
      this.#isDone = true;
    });
  }

  #announce(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}

function iteratorOf<In>(
  source: Iterable<In> | AsyncIterable<In>,
): Iterator<In> | AsyncIterator<In> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  return source[Symbol.iterator]();
}
