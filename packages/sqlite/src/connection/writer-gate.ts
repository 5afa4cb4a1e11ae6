/**
 * Who may use the writing connection. Plain statements share it: they take turns inside it, as on
 * any single connection. A transaction function has it alone.
 *
 *     free ──enter(shared)──▶ shared × n ──leave──▶ …        waiting ones enter in the order they came,
 *     free ──enter(alone)───▶ alone ──────leave──▶ free      so that neither kind starves the other
 */
import { type Clock, invariant } from "@graft/core";
import { SQLITE_BUSY, SqliteError } from "@graft/sqlite-engine";

export type GateMode = "shared" | "alone";

interface Waiting {
  readonly mode: GateMode;
  readonly enter: () => void;
}

export interface GateRequest {
  readonly mode: GateMode;
  /** How long to wait at most. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class WriterGate {
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  #sharedCount = 0;
  #isAlone = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether somebody is in it or waits for it. */
  get isBusy(): boolean {
    return this.#isAlone || this.#sharedCount > 0 || this.#waiting.length > 0;
  }

  /** Enters when that is possible at once. */
  tryEnter(mode: GateMode): boolean {
    if (this.#waiting.length > 0 || !this.#hasRoomFor(mode)) return false;
    this.#admit(mode);
    return true;
  }

  /**
   * Enters when it is one's turn. @throws SqliteError `SQLITE_BUSY` after the timeout; AbortError
   */
  async enter(request: GateRequest): Promise<void> {
    request.signal?.throwIfAborted();
    if (this.tryEnter(request.mode)) return;
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = { mode: request.mode, enter: turn.resolve };
    this.#waiting.push(waiting);
    const entered = new AbortController();
    const signals = request.signal === undefined ? [] : [request.signal];
    const timer = this.#clock
      .sleep(request.timeoutMs, AbortSignal.any([entered.signal, ...signals]))
      .then(() => turn.reject(timeoutError(request.timeoutMs)), turn.reject);
    try {
      await turn.promise;
    } catch (error) {
      this.#giveUp(waiting);
      throw error;
    } finally {
      entered.abort();
      await timer;
    }
  }

  leave(mode: GateMode): void {
    if (mode === "alone") {
      invariant(this.#isAlone, "who leaves alone was alone");
      this.#isAlone = false;
    } else {
      invariant(this.#sharedCount > 0, "who leaves had entered");
      this.#sharedCount--;
    }
    this.#admitWaiting();
  }

  #hasRoomFor(mode: GateMode): boolean {
    return !this.#isAlone && (mode === "shared" || this.#sharedCount === 0);
  }

  #admit(mode: GateMode): void {
    if (mode === "alone") this.#isAlone = true;
    else this.#sharedCount++;
  }

  #admitWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#hasRoomFor(next.mode)) return;
      this.#waiting.shift();
      this.#admit(next.mode);
      next.enter();
    }
  }

  /** Whoever gave up no longer stands in the way of those behind. */
  #giveUp(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting);
    if (at === -1) return;
    this.#waiting.splice(at, 1);
    this.#admitWaiting();
  }
}

function timeoutError(timeoutMs: number): SqliteError {
  return new SqliteError(
    SQLITE_BUSY,
    `another transaction of this database has been open for ${timeoutMs} ms; inside ` +
      "db.transaction() use the handle it passes, not the database",
  );
}
