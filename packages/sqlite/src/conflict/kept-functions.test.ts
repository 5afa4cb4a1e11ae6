import { expect, test } from "vitest";
import { KeptFunctions } from "./kept-functions.ts";

const FN = async (): Promise<void> => undefined;

test("functions are bounded: the oldest go first, and what is dropped is gone", () => {
  const functions = new KeptFunctions();
  for (let at = 0; at < 10_001; at++) functions.keep(`id ${at}`, FN);
  expect(functions.size).toBe(10_000);
  expect(functions.get("id 0")).toBeUndefined();
  expect(functions.get("id 1")).toBe(FN);
  functions.drop("id 1");
  functions.drop(undefined);
  expect([functions.size, functions.get("id 1")]).toEqual([9_999, undefined]);
});
