import { expect, test } from "vitest";
import { formatTraceparent, parseTraceparent } from "./trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test("a span goes into the header and comes out the same", () => {
  const span = { traceId: TRACE, spanId: SPAN, traceFlags: 1 };
  expect(formatTraceparent(span)).toBe(`00-${TRACE}-${SPAN}-01`);
  expect(parseTraceparent(formatTraceparent(span))).toEqual({ ...span, isRemote: true });
});

test("a later version is read as far as it is known", () => {
  expect(parseTraceparent(`01-${TRACE}-${SPAN}-00-more`)?.spanId).toBe(SPAN);
});

test.each([
  undefined,
  "",
  "00",
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE}-${SPAN}-01-more`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `00-${TRACE}-${SPAN}-01\n`,
])("%j is none", (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});
