import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../repository/files.ts";
import {
  describeFailed,
  filesToLookAtAgain,
  type JsonReport,
  summarise,
  withSecondLook,
} from "./vitest-report.ts";

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

test("what failed is looked at again: what it then is counts, and it is named", () => {
  const first = reportOf("failed", ["a", "failed"], ["a", "passed"]);
  expect(filesToLookAtAgain(first)).toEqual([join(ROOT, "packages/a.test.ts")]);
  const second = reportOf("passed", ["a", "passed"], ["a", "passed"]);
  const { isOk, counts } = summarise(withSecondLook(first, second), true);
  expect([isOk, counts.passed, counts.failed]).toEqual([true, 2, 0]);
  expect(describeFailed(first)).toBe("looked at again: claim (packages/a.test.ts)\n");
});

test("what fails again has failed, and so has what was not seen again", () => {
  const first = reportOf("failed", ["a", "failed"]);
  expect(summarise(withSecondLook(first, first), false).counts.failed).toBe(1);
  expect(summarise(withSecondLook(first, undefined), false).counts.failed).toBe(1);
});

test("many files that fail are no accident", () => {
  const [file] = reportOf("failed", ["a", "failed"]).testResults;
  expect(filesToLookAtAgain({ testResults: Array(7).fill(file) })).toEqual([]);
  expect(filesToLookAtAgain(undefined)).toEqual([]);
});
