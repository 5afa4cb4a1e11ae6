import { describe, expect, it } from "vitest";
import { formatBytes, formatCount, formatDuration } from "./format-units.ts";

describe("for people", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [64_495_616, "62 MiB"],
    [5 * 1024 ** 4, "5.0 TiB"],
    [5000 * 1024 ** 4, "5000 TiB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0.31, "0.3 ms"],
    [12.4, "12 ms"],
    [1400, "1.4 s"],
    [119_000, "119.0 s"],
    [150_000, "3 min"],
  ])("%d ms are %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it("counts have commas", () => {
    expect(formatCount(36225)).toBe("36,225");
  });
});
