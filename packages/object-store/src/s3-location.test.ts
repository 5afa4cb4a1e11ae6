import { describe, expect, it } from "vitest";
import { parseS3Location } from "./s3-location.ts";

const keys = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };

describe("an S3 location", () => {
  it("is read from a URL and the environment", () => {
    const url = "s3://bucket/a/b/?endpoint=http://127.0.0.1:9000&region=eu-central-1";
    expect(parseS3Location(url, { ...keys, AWS_SESSION_TOKEN: "token" })).toEqual({
      bucket: "bucket",
      prefix: "a/b",
      endpoint: { host: "127.0.0.1", port: 9000, useTls: false },
      region: "eu-central-1",
      pathStyle: true,
      credentials: { accessKey: "key", secretKey: "secret", sessionToken: "token" },
    });
  });

  it("is Amazon's own without an endpoint", () => {
    const location = parseS3Location("s3://bucket", { ...keys, AWS_REGION: "us-west-2" });
    expect(location).toMatchObject({ prefix: "", region: "us-west-2", pathStyle: false });
    expect(location.endpoint).toBeUndefined();
  });

  it("takes the endpoint from the environment, the URL first", () => {
    const env = { ...keys, AWS_ENDPOINT_URL_S3: "https://a.example", AWS_ENDPOINT_URL: "http://b" };
    expect(parseS3Location("s3://bucket", env).endpoint).toEqual({
      host: "a.example",
      port: 443,
      useTls: true,
    });
    const own = parseS3Location("s3://bucket?endpoint=http://[::1]:9000&path-style=false", env);
    expect(own.endpoint).toEqual({ host: "::1", port: 9000, useTls: false });
    expect(own.pathStyle).toBe(false);
  });

  it.each([
    ["http://bucket", "expected s3://"],
    ["s3:", "no bucket name"],
    ["s3://b", "no bucket name"],
    ["s3://bucket/a b", "may only use"],
    ["s3://bucket/a//b", "may only use"],
    ["s3://bucket?endpoint=127.0.0.1:9000", "must be http://host:port"],
    ["s3://bucket?endpoint=http://host/path", "must be http://host:port"],
    ["s3://bucket?region=x&regoin=y", 'unknown parameter "regoin"'],
    ["s3://bucket?path-style=yes", "path-style must be"],
    ["s3://user:pass@bucket", "credentials belong in"],
  ])("refuses %s", (url, message) => {
    expect(() => parseS3Location(url, keys)).toThrow(message);
  });

  it("names the variables that are missing, and never shows a secret", () => {
    expect(() => parseS3Location("s3://bucket", {})).toThrow("set AWS_ACCESS_KEY_ID");
    const withSecret = (): unknown => parseS3Location("s3://user:hunter2@bucket", keys);
    expect(withSecret).toThrow(expect.not.stringContaining("hunter2"));
  });
});
