import {
  difference,
  MutablePageSet,
  type Page,
  type PageSet,
  pageSetOf,
  toPageIndex,
  unionInto,
} from "@graft/core";
import type { ReadPagesAnswer } from "@graft/rpc";
import type { QueryRun } from "./query-runner.ts";

/** What an answer grows by, and how far. */
export interface Addition {
  /** What was asked for: none of it makes room. */
  readonly wanted: PageSet;
  /** What the client has already. */
  readonly held: PageSet | undefined;
  readonly run: Pick<QueryRun, "touched" | "has" | "page" | "end">;
  /** Pages of the whole answer at most; what was asked for is in it even so. */
  readonly pageCountMax: number;
}

/**
 * An answer with the pages that a run touched, the first touched first, as far as there is room.
 * Pages that came along for another reason make room for them.
 */
export function addTouched(answer: ReadPagesAnswer, addition: Addition): ReadPagesAnswer {
  const { wanted, held, run, pageCountMax } = addition;
  const asked = answer.pages.filter(({ index }) => wanted.contains(index));
  const others = new Map(answer.pages.map((page) => [page.index as number, page]));
  const added: Page[] = [];
  const covered = new MutablePageSet();
  for (const { index } of asked) others.delete(index);
  for (const touched of run.touched()) {
    if (wanted.contains(touched) || held?.contains(touched) === true || !run.has(touched)) continue;
    const data = run.page(touched);
    if (data === undefined) covered.insert(touched);
    else if (asked.length + added.length < pageCountMax) {
      others.delete(touched);
      added.push({ index: toPageIndex(touched), data });
    }
  }
  const room = Math.max(0, pageCountMax - asked.length - added.length);
  const rest = [...others.values()];
  const pages = [...asked, ...added, ...rest.slice(0, room)].sort((a, b) => a.index - b.index);
  for (const { index } of pages) covered.insert(index);
  // What had a page and has none any more must be asked for again.
  const dropped = pageSetOf(rest.slice(room).map(({ index }) => index));
  unionInto(covered, difference(answer.covered, dropped));
  return { ...answer, pages, covered, queryEnd: run.end ?? "stopped" };
}
