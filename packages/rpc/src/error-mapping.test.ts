import { Code, ConnectError } from "@connectrpc/connect";
import { ERROR_MANUAL, GraftError, type GraftErrorCode, InvariantError } from "@graft/core";
import { GraftErrCode } from "@graft/proto-gen/common";
import { ErrorInfoSchema, RetryInfoSchema } from "@graft/proto-gen/error-details";
import { describe, expect, test } from "vitest";
import {
  fromConnectError,
  GRAFT_ERR_STATUS,
  getRetryAfterMs,
  nothingWritten,
  saysNothingWritten,
  toConnectError,
  WIRE_CODES,
} from "./error-mapping.ts";

const CODES = Object.keys(ERROR_MANUAL) as GraftErrorCode[];

describe("an error of ours", () => {
  test.each(CODES)("%s comes back as it was sent", (code) => {
    const sent = new GraftError(code, "volume v has no LSN 9", {
      details: { volume: "v", lsn: 9, ...nothingWritten, retryAfterMs: 250 },
    });
    const connectError = toConnectError(sent);
    expect(connectError.code).toBe(WIRE_CODES[code].connect);
    const received = fromConnectError(connectError);
    expect(received).toMatchObject({ code, message: "volume v has no LSN 9" });
    expect(received.details).toMatchObject({ volume: "v", lsn: "9" });
    expect(saysNothingWritten(received)).toBe(true);
    expect(getRetryAfterMs(received)).toBe(250);
  });

  test("carries the standard details, for clients that know nothing of ours", () => {
    const code = "resource-exhausted";
    const details = { limit: 9, ...nothingWritten, retryAfterMs: 1250 };
    const sent = toConnectError(new GraftError(code, "too much", { details }));
    expect(sent.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "RESOURCE_EXHAUSTED", domain: "graft", metadata: { limit: "9" } },
    ]);
    expect(sent.findDetails(RetryInfoSchema)).toMatchObject([
      { retryDelay: { seconds: 1n, nanos: 250_000_000 } },
    ]);
    const never = toConnectError(new GraftError("not-found", "no such volume"));
    expect(never.findDetails(RetryInfoSchema)).toEqual([]);
  });

  test("says that nothing was written only when it was told so", () => {
    const received = fromConnectError(
      toConnectError(new GraftError("not-found", "no such volume")),
    );
    expect(saysNothingWritten(received)).toBe(false);
    expect(getRetryAfterMs(received)).toBeUndefined();
  });
});

describe("what is not ours", () => {
  test.each([new TypeError("password=1"), new InvariantError("password=1"), "password=1"])(
    "a bug is internal and its text stays here: %s",
    (bug) => {
      const error = toConnectError(bug);
      expect(error.code).toBe(Code.Internal);
      expect(error.message).not.toContain("password");
    },
  );

  test("a call that was given up is canceled", () => {
    expect(toConnectError(new DOMException("gone", "AbortError")).code).toBe(Code.Canceled);
  });

  // Connect reports a reset connection as `aborted`: believing it would lose a commit that landed.
  test("a code without our detail never is a definite answer about a commit", () => {
    for (const code of Object.values(Code).filter((value) => typeof value === "number")) {
      const error = fromConnectError(new ConnectError("from the network", code));
      expect(error.code).not.toBe("rejected");
      expect(saysNothingWritten(error)).toBe(false);
    }
  });

  test.each([
    [Code.Aborted, "unavailable"],
    [Code.Canceled, "unavailable"],
    [Code.DeadlineExceeded, "unavailable"],
    [Code.Unknown, "unavailable"],
    [Code.Internal, "unavailable"],
    [Code.Unavailable, "unavailable"],
    [Code.ResourceExhausted, "resource-exhausted"],
    [Code.Unimplemented, "invalid-argument"],
    [Code.NotFound, "not-found"],
  ])("Connect code %i without detail is %s", (code, expected) => {
    expect(fromConnectError(new ConnectError("x", code)).code).toBe(expected);
  });

  test("a detail with a code of a newer server falls back to the Connect code", () => {
    const sent = toConnectError(new GraftError("busy", "later"));
    const details = sent.details.map((detail) => ({ ...detail, value: { code: "brand-new" } }));
    sent.details = details as typeof sent.details;
    expect(fromConnectError(sent).code).toBe("unavailable");
  });
});

test("v0.1's codes have the statuses of its servers", () => {
  expect(CODES.map((code) => [code, GRAFT_ERR_STATUS[WIRE_CODES[code].graftErr]])).toEqual([
    ["invalid-argument", 400],
    ["not-found", 404],
    ["rejected", 409],
    ["diverged", 400],
    ["unauthenticated", 401],
    ["permission-denied", 401],
    ["unavailable", 503],
    ["resource-exhausted", 400],
    ["corrupt", 500],
    ["io", 500],
    ["busy", 503],
    ["busy-snapshot", 400],
    ["internal", 500],
  ]);
  expect(WIRE_CODES.rejected.graftErr).toBe(GraftErrCode.COMMIT_REJECTED);
});
