import { encodeHex } from "@graft/core";
import { expect, test } from "vitest";
import { ChanceStream } from "./chance-stream.ts";

test("is ChaCha20: the first key stream of RFC 8439, appendix A.1", () => {
  const block = new Uint8Array(64);
  new ChanceStream(new Uint8Array(32)).fill(block);
  expect(encodeHex(block)).toBe(
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
  );
});

test("gives the same bytes in whatever pieces they are asked for, and again after a restart", () => {
  const key = Uint8Array.from({ length: 32 }, (_, at) => at);
  const whole = new Uint8Array(300);
  new ChanceStream(key).fill(whole);
  const stream = new ChanceStream(key);
  for (let turn = 0; turn < 2; turn++) {
    const parts = [1, 63, 64, 65, 100, 7].map((size) => {
      const part = new Uint8Array(size);
      stream.fill(part);
      return [...part];
    });
    expect(parts.flat()).toEqual([...whole]);
    stream.restart();
  }
});
