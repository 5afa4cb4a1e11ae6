import { expect, it } from "vitest";
import { examineRuntime } from "./examine-runtime.ts";

it.each([
  ["v26.10.0", true, "ok"],
  ["v24.0.0", false, "warn"],
  ["v22.15.0", false, "warn"],
  ["v22.14.9", false, "fail"],
  ["v20.19.0", true, "fail"],
])("Node %s, JSPI %s: %s", (version, hasSuspension, status) => {
  expect(examineRuntime(version, hasSuspension).status).toBe(status);
});
