/**
 * Writes down, for one writing connection, how its transactions can be run again.
 *
 * ```
 * begin(INSERT) ─▶ its text and values, "now" stands still ─▶ end ─▶ next statement …
 *                                                                     │
 *           SAVEPOINT, ROLLBACK TO: what was rolled back is forgotten │ commit point: note()
 * ```
 *
 * Only what writes is kept, in the order in which it was run. SQL's clock stands still while a
 * statement runs, and its chance comes from a stream of its own, so that the same values can be had
 * again.
 */
import type { CommitNote } from "@graft/client";
import { type Clock, encodeHex, type Random, randomBytes } from "@graft/core";
import type { StatementJournal, StatementRun } from "@graft/sqlite-engine";
import { leadingWords } from "../sql/scan-sql.ts";
import { CHANCE_KEY_SIZE, ChanceStream } from "./chance-stream.ts";
import { encodeParameters, encodeStatement, encodeTransaction } from "./recorded-codec.ts";
import type { RecordedStatement } from "./recorded-transaction.ts";
import { readTransactionStep } from "./savepoint-words.ts";

/** Bytes of one transaction's record; beyond it the transaction cannot be run again. */
export const RECORD_SIZE_MAX: number = 16 * 1024 * 1024;
/** Kept free for the name and the counts. */
const RESERVED_SIZE = 4096;
const APP_TRANSACTION_ID_SIZE = 16;
/** Pragmas that write into the database. */
const WRITING_PRAGMAS = /^\s*pragma\s+(?:\w+\s*\.\s*)?(?:user_version|application_id)\b/i;

/** Who a transaction is, for as long as it runs. */
export interface TransactionLabel {
  readonly name: string | undefined;
  readonly appTransactionId: string;
}

interface Entry {
  readonly textIndex: number;
  readonly parameters: Uint8Array;
  readonly timeMs: number;
  chance: Uint8Array | undefined;
  mayFail: boolean;
}

/** A new id for a transaction, unique. */
export function createAppTransactionId(random: Random): string {
  return encodeHex(randomBytes(random, APP_TRANSACTION_ID_SIZE));
}

export class TransactionRecorder implements StatementJournal {
  /** SQL's clock. */
  readonly clock: Clock;
  /** Set by who runs a transaction that has a name or an id. */
  label: TransactionLabel | undefined;
  /** What the next statement was recorded with, when one is run again. */
  played: RecordedStatement | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #recordsStatements: boolean;
  #texts = new Map<string, number>();
  #entries: Entry[] = [];
  #savepoints: { readonly name: string; readonly entryCount: number }[] = [];
  #sizeBytes = 0;
  /** Why the open transaction cannot be run again. */
  #refusal: string | undefined;
  /** The statement that runs, and whether it is one that is kept. */
  #running: { readonly run: StatementRun; readonly entry: Entry | undefined } | undefined;
  #stream: ChanceStream | undefined;
  #nowMs: number | undefined;

  constructor(clock: Clock, random: Random, recordsStatements: boolean) {
    this.#clock = clock;
    this.#random = random;
    this.#recordsStatements = recordsStatements;
    this.clock = {
      nowMs: () => this.#nowMs ?? clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
    };
  }

  /** Whether statements are written down; else only names and ids are. */
  get recordsStatements(): boolean {
    return this.#recordsStatements;
  }

  begin(run: StatementRun): void {
    if (!run.isInTransaction) this.#forget();
    this.#stream = undefined;
    this.#nowMs = this.played?.timeMs ?? Math.trunc(this.#clock.nowMs());
    this.#running = { run, entry: isKept(run) ? this.#add(run, this.#nowMs) : undefined };
  }

  restart(): void {
    this.#stream?.restart();
  }

  end(outcome: "done" | "failed" | "partly"): void {
    const { run, entry } = this.#running ?? {};
    this.#running = undefined;
    this.#nowMs = undefined;
    this.#stream = undefined;
    this.played = undefined;
    if (entry !== undefined && outcome === "failed") this.#drop(entry);
    if (entry !== undefined && outcome === "partly") entry.mayFail = true;
    if (run?.mode === "transaction" && outcome === "done") this.#step(run.sql);
  }

  draw(target: Uint8Array): void {
    const entry = this.#running?.entry;
    if (this.#running === undefined) {
      this.#random.fill(target);
      return;
    }
    if (this.#stream === undefined) {
      const key = this.played?.chance ?? randomBytes(this.#random, CHANCE_KEY_SIZE);
      this.#stream = new ChanceStream(key);
      if (entry !== undefined) entry.chance = key;
    }
    this.#stream.fill(target);
  }

  /** What the commit of the open transaction carries; asked at its commit point. */
  note(): CommitNote | undefined {
    const { label } = this;
    if (!this.#recordsStatements) {
      if (label === undefined) return undefined;
      const replay = encodeTransaction(label.name, { kind: "not-recorded" });
      return { appTransactionId: label.appTransactionId, replay };
    }
    const appTransactionId = label?.appTransactionId ?? createAppTransactionId(this.#random);
    return { appTransactionId, replay: this.#encode(label?.name) };
  }

  /** The open transaction cannot be run again. */
  refuse(reason: string): void {
    this.#refusal ??= reason;
    this.#entries = [];
    this.#texts.clear();
  }

  #encode(name: string | undefined): Uint8Array {
    if (this.#refusal !== undefined) {
      return encodeTransaction(name, { kind: "refused", reason: this.#refusal });
    }
    return encodeTransaction(name, {
      kind: "statements",
      texts: [...this.#texts.keys()],
      statements: this.#entries.map(({ textIndex, parameters, ...facts }) =>
        encodeStatement(textIndex, facts, parameters),
      ),
    });
  }

  #add(run: StatementRun, timeMs: number): Entry | undefined {
    if (this.#refusal !== undefined) return undefined;
    const parameters = encodeParameters(run.parameters);
    const known = this.#texts.get(run.sql);
    const textIndex = known ?? this.#texts.size;
    if (known === undefined) this.#texts.set(run.sql, textIndex);
    // A text takes at most three bytes for each unit.
    const textSize = known === undefined ? run.sql.length * 3 : 0;
    this.#sizeBytes += textSize + parameters.length + CHANCE_KEY_SIZE + 20;
    if (this.#sizeBytes > RECORD_SIZE_MAX - RESERVED_SIZE) {
      const limit = `${RECORD_SIZE_MAX / 1024 / 1024} MiB`;
      this.refuse(`its statements and their values take more than ${limit}`);
      return undefined;
    }
    const { chance, mayFail = false } = this.played ?? {};
    const entry: Entry = { textIndex, parameters, timeMs, chance, mayFail };
    this.#entries.push(entry);
    return entry;
  }

  #drop(entry: Entry): void {
    const at = this.#entries.lastIndexOf(entry);
    if (at !== -1) this.#entries.splice(at, 1);
  }

  #step(sql: string): void {
    const step = readTransactionStep(sql);
    switch (step.kind) {
      case "other":
        return;
      case "rollback":
        this.#forget();
        return;
      case "savepoint":
        this.#savepoints.push({ name: step.name, entryCount: this.#entries.length });
        return;
      case "release":
      case "rollback-to": {
        const at = this.#savepoints.findLastIndex(({ name }) => name === step.name);
        const savepoint = this.#savepoints[at];
        if (savepoint === undefined) {
          this.refuse(`it uses a savepoint in a way that was not understood: ${sql}`);
          return;
        }
        this.#savepoints.length = step.kind === "release" ? at : at + 1;
        if (step.kind === "rollback-to") this.#entries.length = savepoint.entryCount;
      }
    }
  }

  #forget(): void {
    this.#texts = new Map();
    this.#entries = [];
    this.#savepoints = [];
    this.#sizeBytes = 0;
    this.#refusal = undefined;
  }
}

/** Whether running it again is part of running its transaction again. */
function isKept({ mode, sql }: StatementRun): boolean {
  // VACUUM, ATTACH and settings leave what the database says as it is.
  if (mode !== "write") return false;
  return leadingWords(sql, 1)[0] !== "PRAGMA" || WRITING_PRAGMAS.test(sql);
}
