import { GraftError } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { nameOutages } from "./name-outages.ts";
import type { Remote } from "./remote.ts";

const NAME = "http://db.example:3000";

describe("an outage", () => {
  it("is named with the server and the time of its first failure", async () => {
    const { clock, remote, fail } = setUp();
    fail(new GraftError("unavailable", "connection refused"));
    const first = clock.nowMs();
    await expect(remote.close()).resolves.toBeUndefined();
    await expect(call(remote)).rejects.toThrow(`${NAME} is unreachable since`);
    await clock.advance(5_000);
    await expect(call(remote)).rejects.toMatchObject({
      code: "unavailable",
      details: { server: NAME, since: new Date(first).toISOString() },
    });
  });

  it("ends with the first answer, a refusal included", async () => {
    const { clock, remote, fail } = setUp();
    fail(new GraftError("unavailable", "connection refused"));
    await expect(call(remote)).rejects.toThrow();
    fail(new GraftError("permission-denied", "not yours"));
    await expect(call(remote)).rejects.toMatchObject({ code: "permission-denied" });
    await clock.advance(5_000);
    fail(new GraftError("unavailable", "connection refused"));
    const since = new Date(clock.nowMs()).toISOString();
    await expect(call(remote)).rejects.toMatchObject({ details: { since } });
  });

  it("lets the caller's own abort pass untouched", async () => {
    const { remote, fail } = setUp();
    const reason = new Error("no longer wanted");
    fail(reason);
    await expect(call(remote)).rejects.toBe(reason);
  });
});

function setUp() {
  const clock = new SimulatedClock();
  let error: unknown;
  const inner = {
    name: NAME,
    getSnapshot: () => Promise.reject(error),
    close: () => Promise.resolve(),
  } as unknown as Remote;
  return {
    clock,
    remote: nameOutages(inner, clock),
    fail: (next: unknown) => {
      error = next;
    },
  };
}

function call(remote: Remote): Promise<unknown> {
  return remote.getSnapshot("volume" as never);
}
