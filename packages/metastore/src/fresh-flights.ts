/**
 * Questions whose answer must not be older than the question: callers share an answer only when all
 * of them asked before anything was looked at for it.
 *
 *     asked ──▶ nothing under way: looked up at once
 *     asked ──▶ one under way: it may have looked already; wait for the next one, with all who come
 *               until it starts
 *
 * So there are at most two for a key at a time, however many ask. That one answer serves a crowd is
 * what makes it cheap; that it began after each of them is what makes it true: a commit which was
 * acknowledged before the question is seen by it, through whatever node it went.
 */
import { orAborted } from "@graft/core";

interface Line<Value> {
  readonly current: Promise<Value>;
  next: Promise<Value> | undefined;
}

export class FreshFlights<Key, Value> {
  readonly #lines = new Map<Key, Line<Value>>();

  /**
   * An answer that was looked up after this call.
   *
   * @param look begins a look-up; it is not aborted, since others may wait for it
   * @param signal this caller's own; when aborted, this call rejects with its reason
   */
  async run(key: Key, look: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    const line = this.#lines.get(key);
    if (line === undefined) return await orAborted(this.#start(key, look), signal);
    // Whatever becomes of the one under way, the next one looks for itself.
    line.next ??= line.current.catch(() => undefined).then(() => this.#start(key, look));
    return await orAborted(line.next, signal);
  }

  #start(key: Key, look: () => Promise<Value>): Promise<Value> {
    const current = look();
    const line: Line<Value> = { current, next: undefined };
    this.#lines.set(key, line);
    const end = (): void => {
      if (line.next === undefined && this.#lines.get(key) === line) this.#lines.delete(key);
    };
    // Also the handler of a failure that nobody is left to see.
    current.then(end, end);
    return current;
  }
}
