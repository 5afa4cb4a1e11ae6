import { describe, expect, test } from "vitest";
import { AnswerBuffers } from "./answer-buffers.ts";

const KIB = 1024;

describe("memory for answers", () => {
  test("is used again once it is released, and by one at a time", () => {
    const buffers = new AnswerBuffers();
    const first = buffers.take(200 * KIB);
    const second = buffers.take(200 * KIB);
    expect(second.bytes.buffer).not.toBe(first.bytes.buffer);
    first.release();
    const third = buffers.take(250 * KIB);
    expect(third.bytes.buffer).toBe(first.bytes.buffer);
    expect(third.bytes).toHaveLength(250 * KIB);
    expect(buffers.take(250 * KIB).bytes.buffer).not.toBe(first.bytes.buffer);
  });

  test("that is released twice is lent to one", () => {
    const buffers = new AnswerBuffers();
    const once = buffers.take(100 * KIB);
    once.release();
    once.release();
    expect(buffers.take(100 * KIB).bytes.buffer).not.toBe(buffers.take(100 * KIB).bytes.buffer);
  });

  test("is kept up to 8 MiB, and not at all when it is small or very large", () => {
    const buffers = new AnswerBuffers();
    const lent = Array.from({ length: 100 }, () => buffers.take(256 * KIB));
    for (const { release } of lent) release();
    expect(buffers.freeSize).toBe(8 * KIB * KIB);
    const others = new AnswerBuffers();
    others.take(100).release();
    others.take(8 * KIB * KIB).release();
    expect(others.freeSize).toBe(0);
  });
});
