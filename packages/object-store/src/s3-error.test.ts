import { describe, expect, it } from "vitest";
import { s3Error, s3Unanswered } from "./s3-error.ts";

describe("an S3 failure", () => {
  it.each([
    [400, "InvalidArgument", "invalid-argument"],
    [400, "RequestTimeout", "unavailable"],
    [400, "BadDigest", "unavailable"],
    [301, "PermanentRedirect", "invalid-argument"],
    [401, "", "permission-denied"],
    [403, "AccessDenied", "permission-denied"],
    [403, "SignatureDoesNotMatch", "permission-denied"],
    [404, "NoSuchBucket", "not-found"],
    [404, "", "invalid-argument"],
    [405, "MethodNotAllowed", "invalid-argument"],
    [408, "", "unavailable"],
    [409, "OperationAborted", "unavailable"],
    [429, "", "unavailable"],
    [500, "InternalError", "unavailable"],
    [501, "NotImplemented", "invalid-argument"],
    [503, "SlowDown", "unavailable"],
    [599, "", "unavailable"],
  ])("of status %i with code %j is %s", (status, code, expected) => {
    const error = s3Error({ what: "get a/b", store: "s3://bucket", status, code, message: "m" });
    expect(error.code).toBe(expected);
    expect(error.message).toContain(`s3://bucket: get a/b was answered ${status}`);
    expect(error.details).toEqual({ store: "s3://bucket", status, s3Code: code });
  });

  it("without an answer is unavailable and keeps its cause", () => {
    const cause = new Error("socket hang up");
    const error = s3Unanswered("create a/b", "s3://bucket", cause);
    expect(error).toMatchObject({ code: "unavailable", cause });
    expect(error.message).toBe("s3://bucket: create a/b got no answer: socket hang up");
  });

  it("says what to do where that is known", () => {
    const failure = { what: "put x", store: "s3://b", message: "" };
    const bucket = s3Error({ ...failure, status: 404, code: "NoSuchBucket" });
    expect(bucket.message).toContain("create the bucket");
    expect(s3Error({ ...failure, status: 307, code: "" }).message).toContain("check the endpoint");
  });
});
