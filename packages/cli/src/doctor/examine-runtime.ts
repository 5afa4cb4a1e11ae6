import type { Check } from "./check.ts";

/** The least Node that the packages promise to run on. */
const NODE_MIN = { major: 22, minor: 15 };

/** What this program runs on. Without JSPI a page miss runs its statement again. */
export function examineRuntime(version: string, hasSuspension: boolean): Check {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const isOld = major < NODE_MIN.major || (major === NODE_MIN.major && minor < NODE_MIN.minor);
  const target = `Node ${version}`;
  const values = { node: version, jspi: hasSuspension };
  if (isOld) {
    const found = `older than ${NODE_MIN.major}.${NODE_MIN.minor}`;
    return {
      name: "runtime",
      target,
      status: "fail",
      found,
      advice: "install a newer Node",
      values,
    };
  }
  const found = hasSuspension
    ? "statements wait for pages (JSPI)"
    : "no JSPI: a statement that misses a page runs again when the page is there";
  if (hasSuspension) return { name: "runtime", target, status: "ok", found, values };
  const advice = "Node 25 and later have it";
  return { name: "runtime", target, status: "warn", found, advice, values };
}
