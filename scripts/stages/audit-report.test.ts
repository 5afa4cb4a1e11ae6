import { expect, test } from "vitest";
import { judgeAudit } from "./audit-report.ts";

function outputWith(severity: string, path = "packages__auth>jose"): string {
  const advisory = {
    findings: [{ version: "6.2.17", paths: [path], dev: false }],
    title: "planted",
    module_name: "jose",
    vulnerable_versions: "<99.0.0",
    severity,
    url: "https://example.org/advisory",
  };
  return `npm warn of something\n${JSON.stringify({ advisories: { 1: advisory } }, null, 2)}\n`;
}

test.each(["high", "critical"])("a %s advisory for what a package depends on fails", (severity) => {
  const { isOk, counts, report } = judgeAudit(outputWith(severity));
  expect([isOk, counts.failed]).toEqual([false, 1]);
  expect(report).toContain(`${severity}: jose 6.2.17 (planted), expected none of <99.0.0; from`);
});

test("a moderate one is named and passes, one of the tests alone is not ours to name", () => {
  const moderate = judgeAudit(outputWith("moderate"));
  expect([moderate.isOk, moderate.report.startsWith("moderate: jose")]).toEqual([true, true]);
  expect(judgeAudit(outputWith("critical", "tests>jose"))).toMatchObject({
    isOk: true,
    report: "",
  });
});

test("nothing known is nothing said", () => {
  expect(judgeAudit('{"advisories": {}, "metadata": {}}')).toMatchObject({
    isOk: true,
    report: "",
  });
});

test.each([
  "Error: ERR_PNPM_AUDIT_BAD_RESPONSE\n\n  × The audit endpoint responded with 405:\n",
  "\npnpm did not end in time\n",
])("a registry that does not answer fails nothing, and is named: %j", (output) => {
  const { isOk, report } = judgeAudit(output);
  expect(isOk).toBe(true);
  expect(report).toContain("no dependency was judged");
});

test.each([
  "error: unexpected argument '--json' found\n",
  "spawn pnpm ENOENT\n",
  '{"error": {"code": "OTHER"}}',
  "",
])("an audit that was not asked fails: %j", (output) => {
  expect(judgeAudit(output)).toMatchObject({ isOk: false, report: output });
});
