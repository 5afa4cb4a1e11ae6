import { expect, test } from "vitest";
import { releaseBytes } from "./release.ts";

test("bytes that are released are empty", () => {
  const bytes = new Uint8Array(200_000);
  releaseBytes(bytes);
  expect(bytes.length).toBe(0);
});

test("bytes that are a part of something, or few, stay", () => {
  const whole = new Uint8Array(400_000);
  const part = whole.subarray(0, 200_000);
  const few = new Uint8Array(100);
  releaseBytes(part);
  releaseBytes(few);
  expect([whole.length, part.length, few.length]).toEqual([400_000, 200_000, 100]);
});
