import { orAborted } from "./or-aborted.ts";

interface Flight<Value> {
  readonly result: Promise<Value>;
  readonly controller: AbortController;
  passengerCount: number;
}

/**
 * One flight per key: callers that ask for a key while it is being fetched share the answer, or the
 * error. Nothing is remembered after landing; the next caller starts anew.
 *
 * Each caller may leave by its own signal without disturbing the others. The flight is aborted when
 * the last one has left.
 */
export class Coalescer<Key, Value> {
  readonly #flights = new Map<Key, Flight<Value>>();

  /**
   * Joins the flight of the key, or starts one.
   *
   * @param start called at once when there is no flight; its signal is aborted when all have left
   * @param signal this caller's own; when aborted, this call rejects with its reason
   */
  async run(
    key: Key,
    start: (signal: AbortSignal) => Promise<Value>,
    signal?: AbortSignal,
  ): Promise<Value> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#takeOff(key, start);
    flight.passengerCount++;
    try {
      return await orAborted(flight.result, signal);
    } finally {
      flight.passengerCount--;
      if (flight.passengerCount === 0) this.#abandon(key, flight);
    }
  }

  /** How many keys are in flight. */
  get flightCount(): number {
    return this.#flights.size;
  }

  #takeOff(key: Key, start: (signal: AbortSignal) => Promise<Value>): Flight<Value> {
    const controller = new AbortController();
    const result = invoke(start, controller.signal);
    const flight: Flight<Value> = { result, controller, passengerCount: 0 };
    this.#flights.set(key, flight);
    const land = (): void => this.#forget(key, flight);
    // Also the handler of a failure nobody is left to see.
    result.then(land, land);
    return flight;
  }

  /** Forgotten before it is aborted: a caller that comes now must not join a dying flight. */
  #abandon(key: Key, flight: Flight<Value>): void {
    // One that landed has nobody to tell, and making a reason with its stack is dear.
    if (this.#flights.get(key) !== flight) return;
    this.#flights.delete(key);
    flight.controller.abort(new DOMException("nobody waits for it any more", "AbortError"));
  }

  #forget(key: Key, flight: Flight<Value>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

/** A `start` that throws instead of rejecting is a failed flight like any other. */
async function invoke<Value>(
  start: (signal: AbortSignal) => Promise<Value>,
  signal: AbortSignal,
): Promise<Value> {
  return await start(signal);
}
