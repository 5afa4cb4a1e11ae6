import type {
  RebaseOptions,
  RejectedTransaction,
  RejectionReason,
  ReplayOutcome,
  Volume,
} from "@graft/client";
import { isGraftError } from "@graft/core";
import type { ActionOptions } from "../pragma/pragma-context.ts";
import { decodeTransaction } from "../replay/recorded-codec.ts";
import type { RecordedStatement, RecordedTransaction } from "../replay/recorded-transaction.ts";
import type { KeptFunctions } from "./kept-functions.ts";

/** A transaction that could not be run again, as the application knows it. */
export interface OutboxEntry {
  /** Its app transaction id. */
  readonly id: string;
  /** As it was called in `db.transaction(name, …)`. */
  readonly name: string | undefined;
  readonly message: string | undefined;
  readonly error: RejectionReason;
  /** What it did; undefined when its statements were not recorded. */
  readonly statements: readonly Pick<RecordedStatement, "sql" | "parameters">[] | undefined;
}

/** Transactions that a rebase could not run again. They wait until somebody decides. */
export interface DatabaseOutbox {
  /** Oldest first. */
  list(): Promise<readonly OutboxEntry[]>;
  /**
   * Runs it again on what is here now: done, or back in the outbox. @throws GraftError `not-found`
   */
  retry(id: string, options?: ActionOptions): Promise<ReplayOutcome>;
  /** Forgets it; false when it is not there. */
  discard(id: string, options?: ActionOptions): Promise<boolean>;
}

export interface DatabaseOutboxMeans {
  readonly volume: Volume;
  readonly functions: KeptFunctions;
  readonly replaying: <Result>(
    signal: AbortSignal | undefined,
    use: (options: RebaseOptions) => Promise<Result>,
  ) => Promise<Result>;
}

export function createDatabaseOutbox(means: DatabaseOutboxMeans): DatabaseOutbox {
  const { volume, functions, replaying } = means;
  return {
    list: async () => volume.outbox.list().map(describeRejected),
    retry: (id, { signal } = {}) =>
      replaying(signal, (options) => volume.outbox.retry(id, options)),
    async discard(id, options) {
      const wasThere = await volume.outbox.discard(id, options);
      if (wasThere) functions.drop(id);
      return wasThere;
    },
  };
}

/** What is in the outbox, in the application's words. */
export function describeRejected(transaction: RejectedTransaction): OutboxEntry {
  const { id, message, rejection, replay } = transaction;
  const recorded = replay === undefined ? undefined : readRecorded(replay);
  const content = recorded?.content;
  return {
    id,
    name: recorded?.name,
    message,
    error: rejection,
    statements: content?.kind === "statements" ? content.statements.map(textAndValues) : undefined,
  };
}

function textAndValues({ sql, parameters }: RecordedStatement): {
  readonly sql: string;
  readonly parameters: RecordedStatement["parameters"];
} {
  return { sql, parameters };
}

/** A record that cannot be read is shown without what it says. */
export function readRecorded(replay: Uint8Array): RecordedTransaction | undefined {
  try {
    return decodeTransaction(replay);
  } catch (error) {
    if (isGraftError(error, "corrupt")) return undefined;
    throw error;
  }
}
