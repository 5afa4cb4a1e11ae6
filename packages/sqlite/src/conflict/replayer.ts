import type { ReplayOutcome, SetAsideTransaction, Volume } from "@graft/client";
import type { Connection } from "../connection/connection.ts";
import type { RecordedTransaction } from "../replay/recorded-transaction.ts";
import { runFunctionAgain, runStatementsAgain } from "../replay/run-again.ts";
import type { TransactionFunction } from "../transaction.ts";
import { readRecorded } from "./database-outbox.ts";
import { judgeFailure } from "./judge-failure.ts";
import type { KeptFunctions } from "./kept-functions.ts";

export interface ReplayerMeans {
  readonly functions: KeptFunctions;
  /** A connection on a volume, ready for use. */
  readonly openConnection: (volume: Volume, signal: AbortSignal) => Promise<Connection>;
}

/** How one transaction is run again: its function decides anew, its statements do what they did. */
type Script =
  | {
      readonly kind: "function";
      readonly fn: TransactionFunction;
      readonly name: string | undefined;
    }
  | { readonly kind: "statements"; readonly recorded: RecordedTransaction }
  | { readonly kind: "none"; readonly reason: string };

/**
 * Runs transactions again, one after the other, on a connection of its own: nothing of it depends
 * on what the application's connections did before.
 */
export class Replayer implements AsyncDisposable {
  readonly #means: ReplayerMeans;
  readonly #signal: AbortSignal;
  #connection: Promise<Connection> | undefined;

  constructor(means: ReplayerMeans, signal: AbortSignal) {
    this.#means = means;
    this.#signal = signal;
  }

  /** Why a transaction can never be run again; undefined when it can. */
  refusalOf(transaction: SetAsideTransaction): string | undefined {
    const script = this.#scriptOf(transaction);
    return script.kind === "none" ? script.reason : undefined;
  }

  /** @throws what kept it from being run: the transaction may go well later */
  async replay(transaction: SetAsideTransaction, volume: Volume): Promise<ReplayOutcome> {
    const script = this.#scriptOf(transaction);
    if (script.kind === "none") {
      return { kind: "rejected", code: "not-recorded", message: script.reason };
    }
    const signal = this.#signal;
    this.#connection ??= this.#means.openConnection(volume, signal);
    const connection = await this.#connection;
    try {
      if (script.kind === "function") {
        const label = { name: script.name, appTransactionId: transaction.id };
        await runFunctionAgain(connection, script.fn, label, signal);
      } else {
        const { name, content } = script.recorded;
        const label = { name, appTransactionId: transaction.id };
        const statements = content.kind === "statements" ? content.statements : [];
        await runStatementsAgain(connection, statements, label, signal);
      }
      return { kind: "done" };
    } catch (error) {
      return judgeFailure(error, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  #scriptOf({ id, replay }: SetAsideTransaction): Script {
    const recorded = replay === undefined ? undefined : readRecorded(replay);
    const fn = this.#means.functions.get(id);
    if (fn !== undefined) return { kind: "function", fn, name: recorded?.name };
    switch (recorded?.content.kind) {
      case "statements":
        return { kind: "statements", recorded };
      case "refused":
        return { kind: "none", reason: `it cannot be run again: ${recorded.content.reason}` };
      default:
        return { kind: "none", reason: NOT_RECORDED };
    }
  }
}

const NOT_RECORDED =
  "its statements were not recorded (recordStatements), and no function of this process made it";
