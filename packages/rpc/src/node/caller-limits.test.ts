import { GraftError } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { getRetryAfterMs, saysNothingWritten } from "../error-mapping.ts";
import { MetricsRegistry } from "../metrics.ts";
import { CallerLimiter, type CallerLimits, type OpenCall } from "./caller-limits.ts";

function setUp(limits: CallerLimits) {
  const clock = new SimulatedClock();
  const limiter = new CallerLimiter(limits, clock, new MetricsRegistry());
  const enter = (address: string, token?: string): OpenCall => {
    const entered = limiter.enter(address, token && `Bearer ${token}`);
    if (entered instanceof GraftError) throw entered;
    return entered;
  };
  const refusalOf = (address: string, token?: string): GraftError => {
    const entered = limiter.enter(address, token && `Bearer ${token}`);
    if (!(entered instanceof GraftError)) throw new Error("expected a refusal");
    return entered;
  };
  return { clock, limiter, enter, refusalOf };
}

describe("calls a second", () => {
  test("beyond a burst are refused, saying when to come again; then they are let in", async () => {
    const { clock, enter, refusalOf } = setUp({ requestsPerSecond: 2 });
    for (let at = 0; at < 10; at++) enter("1.2.3.4").end();
    const refusal = refusalOf("1.2.3.4");
    expect(refusal).toMatchObject({ code: "unavailable" });
    expect(refusal.message).toContain("this address made more than 2 calls a second");
    expect(saysNothingWritten(refusal)).toBe(true);
    expect(getRetryAfterMs(refusal)).toBe(500);
    enter("1.2.3.5").end();
    await clock.advance(500);
    enter("1.2.3.4").end();
  });

  test("are counted for a token over all its addresses, without keeping the token", () => {
    const { enter, refusalOf } = setUp({ requestsPerSecond: 2 });
    for (let at = 0; at < 10; at++) enter(`1.2.3.${at}`, "secret").end();
    const refusal = refusalOf("9.9.9.9", "secret");
    expect(refusal.message).toContain("this token made more than 2 calls a second");
    expect(refusal.message).not.toContain("secret");
    enter("9.9.9.9", "other").end();
  });

  test("are counted for an address whatever tokens it makes up", () => {
    const { enter, refusalOf } = setUp({ requestsPerSecond: 2 });
    for (let at = 0; at < 10; at++) enter("1.2.3.4", `made-up-${at}`).end();
    expect(refusalOf("1.2.3.4", "another").message).toContain("this address");
  });
});

test("bytes are owed once they were moved", async () => {
  const { clock, enter, refusalOf } = setUp({ bytesPerSecond: 1000 });
  const call = enter("1.2.3.4");
  call.count(7000);
  call.end();
  const waitMs = getRetryAfterMs(refusalOf("1.2.3.4")) ?? 0;
  expect(waitMs).toBeGreaterThanOrEqual(2000);
  await clock.advance(waitMs);
  enter("1.2.3.4").end();
});

test("open calls are counted until they end", () => {
  const { enter, refusalOf } = setUp({ openCalls: 2 });
  const first = enter("1.2.3.4");
  enter("1.2.3.4");
  expect(refusalOf("1.2.3.4").message).toContain("has 2 calls open");
  first.end();
  enter("1.2.3.4");
});

test("the table is bounded, and forgets nobody whose calls are open", () => {
  const { limiter, enter, refusalOf } = setUp({ openCalls: 1 });
  enter("kept");
  for (let at = 0; at < 12_000; at++) enter(`passing ${at}`).end();
  expect(limiter.callerCount).toBe(10_000);
  expect(refusalOf("kept").message).toContain("has 1 calls open");
});
