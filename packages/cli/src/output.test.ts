import { describe, expect, it } from "vitest";
import { toJson } from "./output.ts";

describe("JSON on stdout", () => {
  it.each([
    ["an LSN as a number", 7n, "7"],
    ["an integer beyond 2^53 as text", 2n ** 60n, '"1152921504606846976"'],
    ["a negative one too", -(2n ** 60n), '"-1152921504606846976"'],
    ["bytes as SQL writes them", new Uint8Array([0, 255]), "\"x'00ff'\""],
    ["what is not known not at all", { a: undefined, b: null }, '{"b":null}'],
  ])("has %s", (_what, value, expected) => {
    expect(toJson(value)).toBe(expected);
  });
});
