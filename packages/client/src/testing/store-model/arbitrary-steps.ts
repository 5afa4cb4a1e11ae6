import * as fc from "fast-check";
import type { HistoryStep } from "./history-step.ts";

const PAGE_MAX = 12;

const pageCount = fc.integer({ min: 0, max: PAGE_MAX });
const pages = fc.uniqueArray(fc.integer({ min: 1, max: PAGE_MAX }), { maxLength: 5 });
const at = fc.nat({ max: 7 });

/** Histories in which every kind of step has its chance, and pins overlap. */
export function arbitrarySteps(
  options: { readonly reopens?: boolean; readonly maxLength?: number } = {},
): fc.Arbitrary<HistoryStep[]> {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("commit" as const),
        pageCount,
        pages,
        isStaged: fc.boolean(),
        isInPlace: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("remote-commit" as const),
        pageCount,
        lowPageCount: fc.oneof(fc.constant(PAGE_MAX), pageCount),
        pages,
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("merge" as const), pageCount, pages }) },
    { weight: 4, arbitrary: kind("pull") },
    { weight: 1, arbitrary: kind("reset") },
    { weight: 3, arbitrary: kind("prepare") },
    { weight: 2, arbitrary: kind("upload") },
    { weight: 4, arbitrary: kind("complete") },
    { weight: 1, arbitrary: kind("abandon") },
    { weight: 1, arbitrary: kind("diverge") },
    { weight: 4, arbitrary: kind("pin") },
    { weight: 1, arbitrary: kind("pin-push") },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("unpin" as const), at }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("fetch" as const), at, pages }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("evict" as const), pageCount }) },
    ...(options.reopens === false ? [] : [{ weight: 1, arbitrary: kind("reopen") }]),
  );
  return fc.array(step, { maxLength: options.maxLength ?? 60, size: "max" });
}

function kind<
  K extends
    | "pull"
    | "reset"
    | "prepare"
    | "upload"
    | "complete"
    | "abandon"
    | "diverge"
    | "pin"
    | "pin-push"
    | "reopen",
>(name: K): fc.Arbitrary<{ kind: K }> {
  return fc.constant({ kind: name });
}
