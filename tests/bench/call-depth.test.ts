import { expect, test } from "vitest";
import { CallDepth } from "./call-depth.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const GET = text("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
const OK = text("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");

test("requests one after another on one connection are as many round trips", () => {
  const calls = new CallDepth();
  const { sent, answered } = calls.track();
  for (let at = 0; at < 3; at++) {
    sent(GET);
    answered(OK);
  }
  expect([calls.callCount, calls.roundTripCount]).toEqual([3, 3]);
});

test("requests side by side on two connections are one round trip", () => {
  const calls = new CallDepth();
  const [left, right] = [calls.track(), calls.track()];
  left.sent(GET);
  right.sent(GET);
  left.answered(OK);
  right.answered(OK);
  expect([calls.callCount, calls.roundTripCount]).toEqual([2, 1]);
});

test.each([
  ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
  [
    "chunks and a trailer",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n",
  ],
  ["a hundred-continue before it", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
])("an answer of %s ends where it ends, byte by byte", (_, answer) => {
  const calls = new CallDepth();
  const { sent, answered } = calls.track();
  sent(GET);
  const bytes = text(answer);
  for (const byte of bytes.subarray(0, -1)) answered(Uint8Array.of(byte));
  calls.track().sent(GET);
  expect(calls.roundTripCount).toBe(1);
  answered(bytes.subarray(-1));
  calls.track().sent(GET);
  expect(calls.roundTripCount).toBe(2);
});

test("an answer without a length ends with its connection", () => {
  const calls = new CallDepth();
  const { sent, answered, ended } = calls.track();
  sent(GET);
  answered(text("HTTP/1.0 200 OK\r\n\r\nabc"));
  ended();
  calls.track().sent(GET);
  expect(calls.roundTripCount).toBe(2);
});

test("the answer to HEAD has no body, whatever length it tells", () => {
  const calls = new CallDepth();
  const { sent, answered } = calls.track();
  sent(text("HEAD /a HTTP/1.1\r\n\r\n"));
  answered(text("HTTP/1.1 200 OK\r\nContent-Length: 148000000\r\n\r\n"));
  sent(GET);
  expect(calls.roundTripCount).toBe(2);
});

test("the body of a request is not taken for another request", () => {
  const calls = new CallDepth();
  const { sent } = calls.track();
  sent(text("PUT /a HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET /b HTTP/1.1\r\n\r\n"));
  expect(calls.callCount).toBe(1);
});

/** A frame of HTTP/2 without content. */
const frame = (type: number, flags: number, stream: number): Uint8Array =>
  Uint8Array.of(0, 0, 0, type, flags, 0, 0, 0, stream);

test("streams of HTTP/2 that are open together are one round trip, the next is another", () => {
  const calls = new CallDepth();
  const { sent, answered } = calls.track();
  sent(text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  sent(frame(1, 5, 1));
  sent(frame(1, 5, 3));
  answered(frame(1, 5, 1));
  answered(frame(1, 5, 3));
  expect([calls.callCount, calls.roundTripCount]).toEqual([2, 1]);
  sent(frame(1, 5, 5));
  expect([calls.callCount, calls.roundTripCount]).toEqual([3, 2]);
});
