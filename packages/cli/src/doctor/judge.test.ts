import { GraftError } from "@graft/core";
import { describe, expect, it } from "vitest";
import type { Judgement } from "./check.ts";
import {
  judgeClockSkew,
  judgeFailure,
  judgeFlush,
  judgeFreeSpace,
  judgeHealth,
  judgeHints,
  judgeRoundTrip,
  judgeService,
  judgeStoreLatency,
  medianOf,
} from "./judge.ts";

const MIB = 1024 ** 2;

function health(status: number, body: string, version: string | undefined): Judgement {
  return judgeHealth({ status, body, version, ownVersion: "1.2.3" });
}

describe("the doctor judges", () => {
  it.each<[string, Judgement, Judgement["status"]]>([
    ["a near server", judgeRoundTrip([1, 2, 900]), "ok"],
    ["a far server", judgeRoundTrip([200, 300, 1]), "warn"],
    ["clocks that agree", judgeClockSkew(-1900, "server"), "ok"],
    ["a clock that is half a minute off", judgeClockSkew(30_000, "server"), "ok"],
    ["a clock that is five minutes off", judgeClockSkew(-300_000, "server"), "warn"],
    ["a clock that is an hour off", judgeClockSkew(3_600_000, "object store"), "fail"],
    ["a store without a clock", judgeClockSkew(undefined, "object store"), "ok"],
    ["a server that hears the others", judgeHints(true), "ok"],
    ["a server that does not hear the others", judgeHints(false), "warn"],
    ["a fast store", judgeStoreLatency([5], [3]), "ok"],
    ["a store that writes slowly", judgeStoreLatency([900], [3]), "warn"],
    ["a store that reads slowly", judgeStoreLatency([9], [300]), "warn"],
    ["a fast disk", judgeFlush([0.2, 0.3, 80]), "ok"],
    ["a slow disk", judgeFlush([40, 50, 0.1]), "warn"],
    ["much room", judgeFreeSpace(4096 * MIB), "ok"],
    ["little room", judgeFreeSpace(500 * MIB), "warn"],
    ["no room", judgeFreeSpace(5 * MIB), "fail"],
    ["a server that serves", health(200, "ok\n", "1.2.3"), "ok"],
    ["a server that does not say its version", health(200, "ok\n", undefined), "ok"],
    ["a server of another version", health(200, "ok\n", "1.3.0"), "warn"],
    ["a server that drains", health(503, "draining\n", undefined), "warn"],
    ["something else", health(404, "<html>", undefined), "fail"],
    ["a service that answers", judgeService(undefined), "ok"],
    ["one that knows no such volume", judgeService(new GraftError("not-found", "no")), "ok"],
    ["one for other volumes", judgeService(new GraftError("permission-denied", "no")), "ok"],
    ["one that wants a token", judgeService(new GraftError("unauthenticated", "no")), "fail"],
    ["one that is away", judgeService(new GraftError("unavailable", "no")), "fail"],
    ["a bug", judgeFailure(new TypeError("x is not a function")), "fail"],
  ])("%s", (_name, judgement, status) => {
    expect(judgement.status).toBe(status);
    expect(judgement.found).not.toBe("");
    if (status === "warn") expect(judgement.advice).toMatch(/^.{10,}/);
  });

  it("and says what to do", () => {
    expect(judgeService(new GraftError("unauthenticated", "no token")).advice).toContain(
      "GRAFT_TOKEN",
    );
    expect(judgeClockSkew(3_600_000, "object store")).toMatchObject({
      found: "the object store's clock is 60 min ahead of this machine's",
      advice: expect.stringContaining("refuses to commit"),
    });
  });

  it("by the middle of what it measured", () => {
    expect(medianOf([9, 1, 5])).toBe(5);
    expect(medianOf([])).toBe(0);
  });
});
