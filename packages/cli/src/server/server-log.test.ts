import { describe, expect, it } from "vitest";
import { createServerLog, parseLogLevel } from "./server-log.ts";

function log(isTTY: boolean, level: "debug" | "warn"): string {
  let text = "";
  const stderr = {
    isTTY,
    write: (part: string) => (text += part),
  } as unknown as NodeJS.WriteStream;
  const written = createServerLog(stderr, level, { role: "metastore" });
  written.info({ url: "http://127.0.0.1:1", reason: "two words" }, "serving");
  written.warn({ lsn: 7 }, "late");
  return text;
}

describe("a server's log", () => {
  it("is one JSON object a line", () => {
    const [first, second] = log(false, "debug").trimEnd().split("\n");
    expect(JSON.parse(first ?? "")).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      role: "metastore",
      url: "http://127.0.0.1:1",
      reason: "two words",
      msg: "serving",
    });
    expect(JSON.parse(second ?? "")).toMatchObject({ level: "warn", lsn: 7, msg: "late" });
  });

  it("is for people in a terminal", () => {
    expect(log(true, "debug")).toMatch(
      /^\d\d:\d\d:\d\d {2}info {3}metastore {2}serving {2}url=http:\/\/127.0.0.1:1 {2}reason="two words"\n/,
    );
  });

  it("leaves out what is below its level", () => {
    expect(log(false, "warn")).not.toContain("serving");
  });

  it("knows its levels by name", () => {
    expect(parseLogLevel("silent")).toBe("silent");
    expect(() => parseLogLevel("loud")).toThrow("expected one of debug, info, warn, error, silent");
  });
});
