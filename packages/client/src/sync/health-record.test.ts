import { GraftError } from "@graft/core";
import { describe, expect, it } from "vitest";
import { decodeHealth, encodeHealth, type HealthRecord, lagOf } from "./health-record.ts";

const LIVE: HealthRecord = {
  connection: "live",
  writtenMs: 1_000,
  staleMs: undefined,
  isResting: false,
  lastError: undefined,
};

describe("what the process that syncs says to the others", () => {
  it("is read as it was written", () => {
    const error = new GraftError("unavailable", 'the server said "no"');
    const failing: HealthRecord = {
      connection: "offline",
      writtenMs: 5,
      staleMs: 3,
      isResting: true,
      lastError: { error, sinceMs: 2 },
    };
    expect(decodeHealth(encodeHealth(LIVE))).toEqual(LIVE);
    expect(decodeHealth(encodeHealth(failing))).toMatchObject({
      connection: "offline",
      staleMs: 3,
      isResting: true,
      lastError: { error: { code: "unavailable", message: error.message }, sinceMs: 2 },
    });
  });

  it("is nothing when it is torn, at any byte, or of another program", () => {
    const bytes = encodeHealth(LIVE);
    for (let size = 0; size < bytes.length - 1; size++) {
      expect(decodeHealth(bytes.subarray(0, size))).toBeUndefined();
    }
    for (const text of ["null", "7", "{}", '{"connection":"?","writtenMs":1}', "[]"]) {
      expect(decodeHealth(new TextEncoder().encode(text))).toBeUndefined();
    }
  });

  it("says that nothing is lacking only while its writer lives and is told of everything", () => {
    expect(lagOf(LIVE, 9_000, false)).toBe(0);
    expect(lagOf(LIVE, 9_000, true)).toBe(8_000);
    expect(lagOf({ ...LIVE, connection: "stopped" }, 9_000, false)).toBe(8_000);
    expect(lagOf({ ...LIVE, connection: "polling", staleMs: 400 }, 9_000, false)).toBe(8_600);
  });
});
