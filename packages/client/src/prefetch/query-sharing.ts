/**
 * Which statements travel with the first page they miss, so that the server runs them ahead and
 * answers with all that they touch. Each execution is sent once. A text whose runs bring nothing is
 * sent less and less often: its misses then wait for no run that is of no use to them.
 */
import { encodePageSet, type PageSet, type PageSize } from "@graft/core";
import {
  isQueryHintWithinBounds,
  QUERY_TIME_BUDGET_MAX_MS,
  type QueryEnd,
  type QueryHint,
  type QueryStatement,
} from "@graft/rpc";
import type { LocalStore, Pin } from "../store/local-store.ts";

/** Texts that are remembered because their runs brought nothing. */
const TEXT_COUNT_MAX = 256;
/** After so many runs in vain, one in 2^6 executions is still sent. */
const VAIN_COUNT_MAX = 6;
/** A run that was stopped and brought fewer pages was not worth waiting for. */
const WORTH_COUNT_MIN = 4;
/** Pages here of which the server is told, so that it does not send them: some ms of work. */
const HELD_COUNT_MAX = 32_768;
/** Bytes of that set at most. */
const HELD_SIZE_MAX: number = 16 * 1024;
/** Pages a server may send when it is not told what is here. */
const UNTOLD_PAGE_COUNT_MAX = 64;

interface Vanity {
  /** Runs in a row that brought nothing. */
  count: number;
  /** Executions that are not sent, from now on. */
  skips: number;
}

export class QuerySharing {
  readonly #bytesMax: number;
  readonly #sent = new WeakSet<QueryStatement>();
  /** By text; least recently changed first. */
  readonly #vain = new Map<string, Vanity>();

  /** @param bytesMax of pages that one run may bring; 0: none is run */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What goes along with a miss of this execution; undefined when nothing does. */
  take(
    statement: QueryStatement,
    here: {
      readonly store: Pick<LocalStore, "present">;
      readonly pin: Pin;
      readonly pageSize: PageSize;
      /** What it may fetch at most; absent: whatever it takes. */
      readonly bytesMax?: number | undefined;
    },
  ): QueryHint | undefined {
    const bytesMax = Math.min(this.#bytesMax, here.bytesMax ?? this.#bytesMax);
    if (bytesMax < here.pageSize || this.#sent.has(statement)) return undefined;
    this.#sent.add(statement);
    const vain = this.#vain.get(statement.sql);
    if (vain !== undefined && vain.skips-- > 0) return undefined;
    if (!isQueryHintWithinBounds({ statements: [statement] })) return undefined;
    const held = heldOf(here.store, here.pin);
    const countMax = Math.floor(bytesMax / here.pageSize);
    const run = { statements: [statement], timeBudgetMs: QUERY_TIME_BUDGET_MAX_MS };
    return held === undefined
      ? { ...run, pageBudget: Math.min(countMax, UNTOLD_PAGE_COUNT_MAX) }
      : { ...run, pageBudget: countMax, held };
  }

  /** @param broughtCount pages that were not asked for */
  learn({ sql }: QueryStatement, end: QueryEnd | undefined, broughtCount: number): void {
    const isOfUse = end === "done" || broughtCount >= WORTH_COUNT_MIN;
    const before = this.#vain.get(sql)?.count ?? 0;
    this.#vain.delete(sql);
    if (isOfUse) return;
    // What is refused, or fails, will be so the next time.
    const isHopeless = end === "refused" || end === "failed";
    const count = isHopeless ? VAIN_COUNT_MAX : Math.min(before + 1, VAIN_COUNT_MAX);
    this.#vain.set(sql, { count, skips: 2 ** count - 1 });
    for (const oldest of this.#vain.keys()) {
      if (this.#vain.size <= TEXT_COUNT_MAX) return;
      this.#vain.delete(oldest);
    }
  }
}

/** Undefined when it would take too long to say. */
function heldOf(store: Pick<LocalStore, "present">, pin: Pin): PageSet | undefined {
  const held = store.present(pin, HELD_COUNT_MAX);
  return held !== undefined && encodePageSet(held).length <= HELD_SIZE_MAX ? held : undefined;
}
