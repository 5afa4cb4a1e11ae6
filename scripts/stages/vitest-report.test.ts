import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../repository/files.ts";
import { type JsonReport, summarise } from "./vitest-report.ts";

function reportOf(status: string, ...tests: readonly (readonly [string, string])[]): JsonReport {
  const assertionResults = tests.map(([suite, state]) => ({
    ancestorTitles: suite === "" ? [] : [suite],
    title: "claim",
    status: state,
  }));
  return { testResults: [{ name: join(ROOT, "packages/a.test.ts"), status, assertionResults }] };
}

test("passed, failed and skipped are counted, and skipped suites named with how many", () => {
  const report = reportOf("passed", ["a", "passed"], ["s3", "skipped"], ["s3", "pending"]);
  const { isOk, counts, report: text } = summarise(report, true);
  expect(isOk).toBe(true);
  expect(counts).toEqual({ passed: 1, failed: 0, skipped: 2 });
  expect(text).toBe("skipped 2: s3 (packages/a.test.ts)\n");
});

test("a skipped test outside of any suite is named by its own title", () => {
  expect(summarise(reportOf("passed", ["", "todo"]), true).report).toContain("skipped 1: claim (");
});

test("a file that cannot be loaded is one failed, beside the tests that ran", () => {
  expect(summarise(reportOf("failed"), false).counts).toEqual({ passed: 0, failed: 1, skipped: 0 });
  const explained = summarise(reportOf("failed", ["a", "failed"], ["a", "passed"]), false);
  expect(explained.counts).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test("a run that fails without a failed test, or without a report, is one failed", () => {
  for (const report of [undefined, reportOf("passed", ["a", "passed"])]) {
    const result = summarise(report, false);
    expect([result.isOk, result.counts.failed]).toEqual([false, 1]);
  }
});
