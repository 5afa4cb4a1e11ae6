/**
 * SQLite for a statement that nobody trusts: one instance, one run, and then it is thrown away.
 *
 *     create ──▶ run ──▶ done · stopped · refused · failed · trapped        (used up, whichever)
 *
 * It runs to its end without giving way: the thread is the run's own, and whoever owns the thread
 * may kill it at any moment. Nothing it does is seen by anybody but its `Vfs`: no statement can
 * leave a transaction, rows that it changes stay in its memory, and its memory is bounded.
 */
import type { Clock, Random } from "@graft/core";
import { GraftError, invariant } from "@graft/core";
import { EngineCore } from "../engine-core.ts";
import { addToTable, installVfs } from "../install-vfs.ts";
import type { Engine } from "../load-engine.ts";
import type { Parameters } from "../parameters.ts";
import { ParameterMap } from "../parameters.ts";
import * as code from "../result-codes.ts";
import { SqliteError } from "../sqlite-error.ts";
import type { Pointer } from "../sqlite-exports.ts";
import { createTrampolines } from "../trampolines.ts";
import type { Vfs } from "../vfs.ts";
import { isPermitted } from "./authorizer.ts";
import { applyLimits } from "./confined-limits.ts";

/** Instructions of SQLite's virtual machine between two looks at `mayGoOn`: some 10 µs. */
export const STEPS_PER_LOOK = 1000;

const OPEN_READONLY = 0x1;
const OPEN_READWRITE = 0x2;
const OPEN_EXTENDED_CODES = 0x0200_0000;
const AUTHORIZE_DENY = 1;
/** Two pointers: the statement, and the end of its text. */
const TARGET_SIZE = 8;
/** Nothing is spilled into a journal or a temporary file: what does not fit the heap fails. */
const SETTINGS_WRITE = "PRAGMA temp_store=MEMORY; PRAGMA cache_spill=OFF; PRAGMA journal_mode=OFF";
const SETTINGS_READ = "PRAGMA temp_store=MEMORY";

/** What `ConfinedInstance.create` needs. */
export interface ConfinedOptions {
  /** The one file, whose reads answer at once, and nothing else. */
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly random: Random;
  /** Most memory for SQLite, in bytes: 8 MiB to 2 GiB. */
  readonly heapMaxBytes: number;
}

/** One statement to run. */
export interface ConfinedStatement {
  readonly sql: string;
  readonly parameters: Parameters;
  /** Rows after which it is enough. Absent: all. */
  readonly rowsMax?: number | undefined;
}

/** What to run, and how far. */
export interface ConfinedRun {
  /** The main file, as the `Vfs` knows it. */
  readonly filename: string;
  /** In one transaction, in order, which is never committed. */
  readonly statements: readonly ConfinedStatement[];
  /** Asked every `STEPS_PER_LOOK` instructions; false ends the run as `stopped`. */
  readonly mayGoOn: () => boolean;
}

/** How a run ended. */
export type ConfinedEnd =
  | { readonly kind: "done" }
  /** `mayGoOn` said no. */
  | { readonly kind: "stopped" }
  /** It wanted what no confined statement may do. */
  | { readonly kind: "refused"; readonly message: string }
  /** SQLite or the `Vfs` failed, `SQLITE_NOMEM` and `SQLITE_CORRUPT` among them. */
  | { readonly kind: "failed"; readonly code: number; readonly message: string }
  /** SQLite crashed. */
  | { readonly kind: "trapped"; readonly message: string };

/** One instance for one run. */
export class ConfinedInstance {
  readonly #core: EngineCore;
  #isUsed = false;
  #wasRefused = false;
  #wasStopped = false;
  #mayWrite = false;

  private constructor(core: EngineCore) {
    this.#core = core;
  }

  /** Instantiates the engine, 1–2 ms: done ahead, so that a run begins at once. */
  static async create(engine: Engine, options: ConfinedOptions): Promise<ConfinedInstance> {
    const core = await EngineCore.create(engine, options);
    const { missing } = core.facade;
    const entries = createTrampolines({
      xRead: { signature: "iiij", body: missing.xRead },
      xFileControl: { signature: "iii", body: missing.xFileControl },
    });
    installVfs(core, entries);
    return new ConfinedInstance(core);
  }

  /** Runs once; the instance is used up, however it ends. Throws nothing of what SQLite does. */
  run(run: ConfinedRun): ConfinedEnd {
    invariant(!this.#isUsed, "a confined instance runs once");
    this.#isUsed = true;
    try {
      this.#open(run);
      for (const statement of run.statements) this.#runOne(statement);
      return { kind: "done" };
    } catch (error) {
      return this.#endOf(error);
    } finally {
      this.#core.facade.closeAll();
    }
  }

  #open(run: ConfinedRun): void {
    const { exports, heap } = this.#core;
    this.#mayWrite = run.statements.some(({ sql }) => !READS.test(sql));
    const target = exports.sqlite3_malloc(TARGET_SIZE);
    const name = this.#createText(run.filename);
    const access = this.#mayWrite ? OPEN_READWRITE : OPEN_READONLY;
    const answer = exports.sqlite3_open_v2(name.pointer, target, access | OPEN_EXTENDED_CODES, 0);
    this.#core.database = heap.readWord(target);
    this.#check(answer);
    this.#watch(run.mayGoOn);
    this.#exec(this.#mayWrite ? SETTINGS_WRITE : SETTINGS_READ);
    applyLimits(exports, this.#core.database);
    if (this.#mayWrite) this.#exec("BEGIN");
    this.#authorize();
  }

  #runOne({ sql, parameters, rowsMax = Number.POSITIVE_INFINITY }: ConfinedStatement): void {
    const { exports } = this.#core;
    const { statement } = this.#prepare(this.#createText(sql));
    // A text of nothing but comments.
    if (statement === 0) return;
    new ParameterMap(this.#core, statement).bind(this.#core, statement, parameters);
    let answer: number = code.SQLITE_ROW;
    for (let rows = 0; answer === code.SQLITE_ROW && rows < rowsMax; rows++) {
      answer = exports.sqlite3_step(statement);
    }
    if (answer !== code.SQLITE_ROW && answer !== code.SQLITE_DONE) this.#check(answer);
    exports.sqlite3_finalize(statement);
  }

  /** Compiles the first statement of a text: what comes behind it is nobody's. */
  #prepare({ pointer, size }: { pointer: Pointer; size: number }): {
    statement: Pointer;
    rest: Pointer;
  } {
    const { exports, heap, database } = this.#core;
    const target = exports.sqlite3_malloc(TARGET_SIZE);
    if (target === 0) throw this.#core.createError(code.SQLITE_NOMEM);
    const answer = exports.sqlite3_prepare_v3(database, pointer, size, 0, target, target + 4);
    this.#check(answer);
    return { statement: heap.readWord(target), rest: heap.readWord(target + 4) };
  }

  /** Our own statements, before anybody else's. */
  #exec(sql: string): void {
    for (const one of sql.split("; ")) {
      const { statement } = this.#prepare(this.#createText(one));
      let answer: number = code.SQLITE_ROW;
      while (answer === code.SQLITE_ROW) answer = this.#core.exports.sqlite3_step(statement);
      if (answer !== code.SQLITE_DONE) this.#check(answer);
      this.#core.exports.sqlite3_finalize(statement);
    }
  }

  #watch(mayGoOn: () => boolean): void {
    const look = (): number => {
      if (!this.#wasStopped) this.#wasStopped = !mayGoOn();
      return this.#wasStopped ? 1 : 0;
    };
    const { xProgress } = createTrampolines({ xProgress: { signature: "i", body: look } });
    const { exports, database } = this.#core;
    const index = addToTable(this.#core, xProgress);
    exports.sqlite3_progress_handler(database, STEPS_PER_LOOK, index, 0);
  }

  #authorize(): void {
    const { exports, heap, database } = this.#core;
    const answer = (_context: number, action: number, first: Pointer, second: Pointer): number => {
      const question = {
        action,
        first: heap.decodeCString(first),
        second: heap.decodeCString(second),
      };
      if (isPermitted(question, this.#mayWrite)) return code.SQLITE_OK;
      this.#wasRefused = true;
      return AUTHORIZE_DENY;
    };
    const { xAuth } = createTrampolines({ xAuth: { signature: "iiiiii", body: answer } });
    exports.sqlite3_set_authorizer(database, addToTable(this.#core, xAuth), 0);
  }

  #createText(text: string): { pointer: Pointer; size: number } {
    const created = this.#core.heap.createText(this.#core.exports, text);
    if (created === undefined) throw this.#core.createError(code.SQLITE_NOMEM);
    return created;
  }

  #check(answer: number): void {
    if (answer !== code.SQLITE_OK) throw this.#core.createError(answer);
  }

  #endOf(error: unknown): ConfinedEnd {
    const message = error instanceof Error ? error.message : String(error);
    if (this.#wasRefused) return { kind: "refused", message };
    if (this.#wasStopped) return { kind: "stopped" };
    if (error instanceof SqliteError) return { kind: "failed", code: error.code, message };
    // What is wrong with a parameter.
    if (error instanceof GraftError) return { kind: "refused", message };
    return { kind: "trapped", message };
  }
}

/** What certainly changes no row is run on a file that is opened for reading. */
const READS = /^\s*(?:select|values)\b/i;
