import { type PageSet, pageRange, pageSetOf, toPageIndex, toPageSize } from "@graft/core";
import type { QueryEnd, QueryHint, QueryStatement } from "@graft/rpc";
import { describe, expect, it } from "vitest";
import type { Pin } from "../store/local-store.ts";
import { QuerySharing } from "./query-sharing.ts";

const PAGE_SIZE = toPageSize(4096);
const SQL = "SELECT 1";

const execution = (sql = SQL): QueryStatement => ({ sql, values: [] });

/** A replica that has some pages, or too many to tell. */
function here(present: PageSet | undefined): Parameters<QuerySharing["take"]>[1] {
  return { store: { present: () => present }, pin: {} as Pin, pageSize: PAGE_SIZE };
}

const HERE = here(pageRange(1, 3));

/** Which of so many executions are sent, when each run ends like this. */
function sentOf(count: number, end: QueryEnd | undefined, broughtCount: number): readonly number[] {
  const sharing = new QuerySharing(40_960);
  const sent: number[] = [];
  for (let at = 0; at < count; at++) {
    const statement = execution();
    if (sharing.take(statement, HERE) === undefined) continue;
    sent.push(at);
    sharing.learn(statement, end, broughtCount);
  }
  return sent;
}

describe("a statement that misses a page", () => {
  it("is sent with what is here, once for each execution", () => {
    const sharing = new QuerySharing(40_960);
    const statement = execution();
    const hint: QueryHint = {
      statements: [statement],
      timeBudgetMs: 250,
      pageBudget: 10,
      held: pageRange(1, 3),
    };
    expect(sharing.take(statement, HERE)).toEqual(hint);
    expect(sharing.take(statement, HERE)).toBeUndefined();
    expect(sharing.take(execution(), HERE)).toBeDefined();
  });

  it("may bring few pages when what is here is too much to tell", () => {
    const sharing = new QuerySharing(4096 * 1000);
    expect(sharing.take(execution(), here(undefined))).toMatchObject({ pageBudget: 64 });
    const odd = Array.from({ length: 30_000 }, (_, at) => toPageIndex(7 * at + 1));
    const hint = sharing.take(execution(), here(pageSetOf(odd)));
    expect(hint).toMatchObject({ pageBudget: 64 });
    expect(hint?.held).toBeUndefined();
  });

  it("is not sent without a budget, nor when no server would look at it", () => {
    expect(new QuerySharing(0).take(execution(), HERE)).toBeUndefined();
    const long = execution(`SELECT '${"x".repeat(65_536)}'`);
    expect(new QuerySharing(40_960).take(long, HERE)).toBeUndefined();
  });
});

describe("a text is sent", () => {
  it("each time while its runs come to an end, or bring something", () => {
    expect(sentOf(5, "done", 0)).toEqual([0, 1, 2, 3, 4]);
    expect(sentOf(5, "stopped", 4)).toEqual([0, 1, 2, 3, 4]);
  });

  it("less and less often while they bring nothing, but never never", () => {
    expect(sentOf(40, "stopped", 3)).toEqual([0, 2, 6, 14, 30]);
    expect(sentOf(40, undefined, 0)).toEqual([0, 2, 6, 14, 30]);
    const sent = sentOf(1000, "stopped", 0);
    expect((sent.at(-1) ?? 0) - (sent.at(-2) ?? 0)).toBe(64);
  });

  it("hardly ever when it is refused or fails", () => {
    expect(sentOf(130, "refused", 0)).toEqual([0, 64, 128]);
    expect(sentOf(130, "failed", 0)).toEqual([0, 64, 128]);
  });

  it("as before once a run was of use, whatever others do", () => {
    const sharing = new QuerySharing(40_960);
    const ask = (sql: string): boolean => sharing.take(execution(sql), HERE) !== undefined;
    sharing.learn(execution(), "stopped", 0);
    expect([ask(SQL), ask("SELECT 2"), ask(SQL)]).toEqual([false, true, true]);
    sharing.learn(execution(), "done", 9);
    expect([ask(SQL), ask(SQL)]).toEqual([true, true]);
  });
});
