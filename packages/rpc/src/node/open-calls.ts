/**
 * The calls that a handler works on, each with a controller of its own; all end when their server
 * stops. One listener stands for all: to add and remove one walks all that a signal has, and each
 * open stream is one.
 */
export class OpenCalls {
  readonly #calls = new Set<AbortController>();
  readonly #stopped: AbortSignal;

  /** @param stopped its reason becomes that of the calls */
  constructor(stopped: AbortSignal) {
    this.#stopped = stopped;
    const end = (): void => {
      for (const call of this.#calls) call.abort(stopped.reason);
    };
    stopped.addEventListener("abort", end, { once: true });
  }

  /** To be closed when the call is over. */
  open(): AbortController {
    const call = new AbortController();
    if (this.#stopped.aborted) call.abort(this.#stopped.reason);
    else this.#calls.add(call);
    return call;
  }

  /** From now on it is not ended. Repeatable. */
  close(call: AbortController): void {
    this.#calls.delete(call);
  }
}
