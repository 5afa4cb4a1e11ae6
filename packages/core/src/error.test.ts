import { describe, expect, test } from "vitest";
import { InvariantError, invariant, unreachable } from "./assert.ts";
import { ERROR_MANUAL, GraftError, isGraftError, isGraftErrorCode } from "./error.ts";

describe("the error manual", () => {
  test("has exactly the codes of the design, each with advice", () => {
    expect(Object.keys(ERROR_MANUAL).sort()).toEqual([
      "busy",
      "busy-snapshot",
      "corrupt",
      "diverged",
      "internal",
      "invalid-argument",
      "io",
      "not-found",
      "permission-denied",
      "rejected",
      "resource-exhausted",
      "unauthenticated",
      "unavailable",
    ]);
    for (const [code, { hint }] of Object.entries(ERROR_MANUAL)) {
      expect(hint, code).toMatch(/^[a-z].{10,80}$/);
    }
  });

  test("lets exactly these be repeated: what may pass by itself", () => {
    const repeatable = Object.entries(ERROR_MANUAL).filter(([, { repeat }]) => repeat);
    expect(repeatable.map(([code]) => code).sort()).toEqual(["busy", "io", "unavailable"]);
  });

  test("knows its codes from other words", () => {
    expect(isGraftErrorCode("busy-snapshot")).toBe(true);
    for (const word of ["", "Busy", "toString", "constructor", "__proto__"]) {
      expect(isGraftErrorCode(word)).toBe(false);
    }
  });
});

test("a GraftError carries code, facts, cause and advice", () => {
  const cause = new Error("socket closed");
  const error = new GraftError("unavailable", "no answer", { cause, details: { attempts: 3 } });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ code: "unavailable", message: "no answer", cause });
  expect(error.details).toEqual({ attempts: 3 });
  expect(error.isRepeatable).toBe(true);
  expect(error.hint).toContain("try again");
  expect(Object.hasOwn(new GraftError("busy", "held"), "cause")).toBe(false);
});

test("isGraftError tells codes apart", () => {
  const error = new GraftError("corrupt", "bad checksum");
  expect(isGraftError(error)).toBe(true);
  expect(isGraftError(error, "io", "corrupt")).toBe(true);
  expect(isGraftError(error, "io")).toBe(false);
  expect(isGraftError(new Error("corrupt"))).toBe(false);
});

test("broken code crashes with the sentence that should hold", () => {
  expect(() => invariant(false, "the sky is blue")).toThrow(InvariantError);
  expect(() => invariant(0, "the sky is blue")).toThrow("broken invariant: the sky is blue");
  expect(() => invariant("yes", "it holds")).not.toThrow();
});

test.each([{ kind: "other" }, 7n, undefined, "text"])(
  "unreachable names what came: %s",
  (value) => {
    expect(() => unreachable(value as never)).toThrow(InvariantError);
  },
);
