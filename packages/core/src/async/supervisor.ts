/** A background task that ended with an error. */
export interface TaskFailure {
  readonly task: string;
  readonly error: unknown;
}

/**
 * Owns background work, so that no promise floats: each task gets a signal, each failure gets to
 * the handler, and disposing aborts all tasks and waits for them.
 *
 *     running ──dispose──▶ closing (tasks aborted, waited for) ──▶ closed
 */
export class Supervisor implements AsyncDisposable {
  readonly #onFailure: (failure: TaskFailure) => void;
  readonly #controller = new AbortController();
  readonly #running = new Map<Promise<void>, string>();
  readonly #unreported: unknown[] = [];

  /**
   * @param onFailure told of each task that failed; cancellation by `dispose` is no failure. Should
   *   it throw, both errors are thrown by `dispose`.
   */
  constructor(onFailure: (failure: TaskFailure) => void) {
    this.#onFailure = onFailure;
  }

  /**
   * Starts a task in the background; it must end soon after its signal is aborted. False, and
   * nothing is started, when the supervisor is closing.
   */
  start(task: string, work: (signal: AbortSignal) => Promise<void>): boolean {
    if (this.#controller.signal.aborted) return false;
    const done = this.#run(task, work);
    this.#running.set(done, task);
    done.finally(() => this.#running.delete(done));
    return true;
  }

  /** Names of the tasks that run now, in the order they were started. */
  get runningTasks(): readonly string[] {
    return [...this.#running.values()];
  }

  /** Aborted when the supervisor is disposed. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves when no task runs, tasks started meanwhile included. */
  async whenIdle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.keys());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort(new DOMException("the owner of this task is closing", "AbortError"));
    await this.whenIdle();
    const errors = this.#unreported.splice(0);
    if (errors.length > 0) throw new AggregateError(errors, "failures that could not be reported");
  }

  /** Never rejects. */
  async #run(task: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#controller;
    try {
      await work(signal);
    } catch (error) {
      if (signal.aborted && error === signal.reason) return;
      this.#report({ task, error });
    }
  }

  #report(failure: TaskFailure): void {
    try {
      this.#onFailure(failure);
    } catch (error) {
      this.#unreported.push(failure.error, error);
    }
  }
}
