/**
 * Waiting by suspending the WASM stack (JSPI). SQLite's table holds shims (read-shim.ts); every
 * export that may touch a page is called in its promising form, so that there is always a stack to
 * suspend: not only step, also open and prepare (header, schema), reset and finalize of an
 * unfinished statement (they may commit), and close. A miss under a plain export would throw in the
 * middle of SQLite.
 */
import type { CallContext, EngineCore, RowSink } from "./engine-core.ts";
import type { MissEntries } from "./install-vfs.ts";
import { addToTable } from "./install-vfs.ts";
import type { MissStrategy, PrepareRequest, RunnableStatement } from "./miss-strategy.ts";
import { READ_SIGNATURE, shimBytes } from "./read-shim.ts";
import * as code from "./result-codes.ts";
import type { Pointer } from "./sqlite-exports.ts";
import { MISS } from "./vfs.ts";
import { waitForMiss } from "./wait-for-miss.ts";
import type { Signature } from "./wasm-module.ts";
import type { WasmFunction } from "./web-assembly.ts";
import { compileOnce, webAssembly } from "./web-assembly.ts";

/**
 * How often SQLite's virtual machine asks whether to go on: every 10,000 instructions, ≈ 0.1 ms.
 */
const PROGRESS_INSTRUCTIONS = 10_000;
/** A statement gives way to the event loop when it has held it for this long. */
const HOLD_MS_MAX = 20;
/** A page that was fetched and is missed again this often is a broken `Vfs`. */
const FETCHES_MAX = 16;

const NO_CALL: CallContext = { signal: new AbortController().signal, writes: false };

type Promising = (...parameters: (number | bigint)[]) => Promise<number>;

export class SuspendStrategy implements MissStrategy {
  readonly kind = "suspend";
  readonly canPause = true;
  readonly #core: EngineCore;
  readonly #open: Promising;
  readonly #prepare: Promising;
  readonly #run: Promising;
  readonly #runAtOnce: (statement: Pointer) => number;
  readonly #reset: Promising;
  readonly #finalize: Promising;
  readonly #close: Promising;
  #call: CallContext = NO_CALL;
  /** While true there is no stack to suspend: what would wait ends the run instead. */
  #isTrying = false;
  #hasMissed = false;
  #hasHeldLong = false;
  #resumedAtMs: number | undefined;

  constructor(core: EngineCore) {
    const { exports } = core;
    this.#core = core;
    this.#open = promising(exports.sqlite3_open_v2);
    this.#prepare = promising(exports.sqlite3_prepare_v3);
    this.#run = promising(core.rowLoop);
    this.#runAtOnce = core.rowLoop as unknown as (statement: Pointer) => number;
    this.#reset = promising(exports.sqlite3_reset);
    this.#finalize = promising(exports.sqlite3_finalize);
    this.#close = promising(exports.sqlite3_close_v2);
  }

  createEntries(): MissEntries {
    const { missing } = this.#core.facade;
    return {
      xRead: createShim(
        READ_SIGNATURE,
        (file: number, target: number, size: number, offset: bigint) =>
          this.#refuseWhileTrying(missing.xRead(file, target, size, offset)),
        (file, target, size, offset) =>
          this.#resume(() => missing.xRead(file, target, size, offset)),
      ),
      xFileControl: createShim(
        "iii",
        (file: number, operation: number, argument: number) =>
          this.#refuseWhileTrying(missing.xFileControl(file, operation, argument)),
        (file, operation, argument) =>
          this.#resume(() => missing.xFileControl(file, operation, argument)),
      ),
    };
  }

  onOpen(): void {
    const progress = createShim(
      "i",
      (_context: number) => this.#progress(),
      () => this.#giveWay(),
    );
    const index = addToTable(this.#core, progress);
    const { exports, database } = this.#core;
    exports.sqlite3_progress_handler(database, PROGRESS_INSTRUCTIONS, index, 0);
  }

  open(name: Pointer, target: Pointer, flags: number, call: CallContext): Promise<number> {
    this.#begin(call);
    return this.#open(name, target, flags, 0);
  }

  prepare(request: PrepareRequest, call: CallContext): Promise<number> {
    this.#begin(call);
    const { sql, size, flags, target } = request;
    return this.#prepare(this.#core.database, sql, size, flags, target, target + 4);
  }

  async run(statement: RunnableStatement, sink: RowSink, call: CallContext): Promise<number> {
    this.#begin(call);
    this.#core.sink = sink;
    const answer = await this.#run(statement.pointer);
    if (answer === code.SQLITE_ROW || answer === code.SQLITE_DONE) return answer;
    const error = this.#core.createError(answer);
    // The statement has ended with the error; what is left of a reset touches no page.
    this.#core.exports.sqlite3_reset(statement.pointer);
    throw error;
  }

  tryRun(statement: RunnableStatement, sink: RowSink): number | undefined {
    const { exports } = this.#core;
    this.#core.sink = sink;
    this.#beginTry();
    const answer = this.#endTry(this.#runAtOnce(statement.pointer));
    if (answer === code.SQLITE_ROW || answer === code.SQLITE_DONE) return answer;
    const error = answer === undefined ? undefined : this.#core.createError(answer);
    exports.sqlite3_reset(statement.pointer);
    if (error !== undefined) throw error;
    statement.isLong = this.#hasHeldLong;
    sink.clear();
    return undefined;
  }

  tryPrepare({ sql, size, flags, target }: PrepareRequest): number | undefined {
    const { exports, heap, database } = this.#core;
    this.#beginTry();
    const answer = this.#endTry(
      exports.sqlite3_prepare_v3(database, sql, size, flags, target, target + 4),
    );
    if (answer === undefined) exports.sqlite3_finalize(heap.readWord(target));
    return answer;
  }

  /** From here to `#endTry` SQLite runs without a stack to suspend. */
  #beginTry(): void {
    this.#call = NO_CALL;
    // Read when it is first needed: most tries are over long before.
    this.#resumedAtMs = undefined;
    this.#hasMissed = false;
    this.#hasHeldLong = false;
    this.#isTrying = true;
  }

  /** Undefined when it would have had to wait. */
  #endTry(answer: number): number | undefined {
    this.#isTrying = false;
    return this.#hasMissed || this.#hasHeldLong ? undefined : answer;
  }

  async reset(statement: RunnableStatement, call: CallContext): Promise<void> {
    if (statement.mode === "read") {
      // Ending a read gives its lock back, nothing else.
      this.#core.exports.sqlite3_reset(statement.pointer);
      return;
    }
    this.#begin(call);
    const answer = await this.#reset(statement.pointer);
    if (answer !== code.SQLITE_OK) throw this.#core.createError(answer);
  }

  async finalize(statement: Pointer): Promise<void> {
    this.#begin(NO_CALL);
    await this.#finalize(statement);
  }

  async close(): Promise<void> {
    this.#begin(NO_CALL);
    await this.#close(this.#core.database);
  }

  #begin(call: CallContext): void {
    this.#call = call;
    this.#resumedAtMs = this.#core.clock.monotonicMs();
  }

  /** Awaited inside a suspended stack: waits for the miss, then answers what `again` answers. */
  async #resume(again: () => number): Promise<number> {
    const { facade } = this.#core;
    const { signal, writes, owner } = this.#call;
    for (let fetches = 0; fetches < FETCHES_MAX; fetches++) {
      const miss = facade.takeMiss();
      try {
        await waitForMiss(miss, { signal, rerunCount: 0, owner });
      } catch (error) {
        const answer = facade.fail(
          error,
          signal.aborted ? code.SQLITE_INTERRUPT : code.SQLITE_IOERR,
        );
        return writes && miss.isAbortable ? code.toRollbackCode(answer) : answer;
      }
      const answer = again();
      this.#resumedAtMs = this.#core.clock.monotonicMs();
      if (answer !== MISS) return answer;
    }
    return facade.fail(new Error(`missing after ${FETCHES_MAX} fetches: ${facade.takeMiss().key}`));
  }

  /** Anything but 0 and `MISS` interrupts the statement. */
  #progress(): number {
    if (this.#call.signal.aborted) return 1;
    const nowMs = this.#core.clock.monotonicMs();
    this.#resumedAtMs ??= nowMs;
    const heldMs = nowMs - this.#resumedAtMs;
    if (heldMs < HOLD_MS_MAX) return 0;
    if (!this.#isTrying) return MISS;
    this.#hasHeldLong = true;
    return 1;
  }

  #refuseWhileTrying(answer: number): number {
    if (answer !== MISS || !this.#isTrying) return answer;
    this.#core.facade.takeMiss();
    this.#hasMissed = true;
    return code.SQLITE_BUSY;
  }

  async #giveWay(): Promise<number> {
    await this.#core.clock.sleep(0);
    this.#resumedAtMs = this.#core.clock.monotonicMs();
    return this.#call.signal.aborted ? 1 : 0;
  }
}

function promising(exported: (...parameters: never[]) => unknown): Promising {
  const { promising: toPromising } = webAssembly;
  if (toPromising === undefined) throw new Error("this runtime cannot suspend a WASM stack");
  return toPromising(exported) as Promising;
}

/** A WASM function that calls `attempt`, and suspends for `miss` when that answers `MISS`. */
function createShim<Parameters extends (number | bigint)[]>(
  signature: Signature,
  attempt: (...parameters: Parameters) => number,
  miss: (...parameters: Parameters) => Promise<number>,
): WasmFunction {
  const { Suspending } = webAssembly;
  if (Suspending === undefined) throw new Error("this runtime cannot suspend a WASM stack");
  const module = compileOnce(`shim ${signature}`, () => shimBytes(signature));
  const js = {
    try: attempt,
    miss: new Suspending(miss as unknown as (...parameters: never[]) => Promise<number>),
  };
  return new webAssembly.Instance(module, { js }).exports.read as WasmFunction;
}
