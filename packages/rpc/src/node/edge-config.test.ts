import { describe, expect, test } from "vitest";
import { parseEdgeConfig } from "./edge-config.ts";

describe("the edge of a server", () => {
  test("is as on loopback when nothing is set", () => {
    expect(parseEdgeConfig({})).toEqual({
      certificate: undefined,
      corsOrigins: [],
      limits: undefined,
      volumeBytesMax: undefined,
      trustsProxy: false,
    });
  });

  test("is what the environment says", () => {
    const config = parseEdgeConfig({
      GRAFT_TLS_CERT: "a.crt",
      GRAFT_TLS_KEY: "a.key",
      GRAFT_CORS_ORIGIN: "https://app.example/, http://localhost:8080",
      GRAFT_LIMIT_REQUESTS: "50",
      GRAFT_LIMIT_STREAMS: "8",
      GRAFT_VOLUME_BYTES_MAX: "1000000",
      GRAFT_TRUST_PROXY: "1",
    });
    expect(config).toMatchObject({
      corsOrigins: ["https://app.example", "http://localhost:8080"],
      limits: { requestsPerSecond: 50, bytesPerSecond: undefined, openCalls: 8 },
      volumeBytesMax: 1_000_000,
      trustsProxy: true,
    });
    expect(config.certificate).toBeDefined();
    expect(parseEdgeConfig({ GRAFT_CORS_ORIGIN: "*" }).corsOrigins).toEqual(["*"]);
  });

  test.each([
    [{ GRAFT_TLS_CERT: "a.crt" }, "GRAFT_TLS_KEY"],
    [{ GRAFT_TLS_KEY: "a.key" }, "GRAFT_TLS_CERT"],
    [{ GRAFT_CORS_ORIGIN: "app.example" }, "GRAFT_CORS_ORIGIN"],
    [{ GRAFT_CORS_ORIGIN: "https://app.example/path" }, "GRAFT_CORS_ORIGIN"],
    [{ GRAFT_LIMIT_REQUESTS: "0" }, "GRAFT_LIMIT_REQUESTS"],
    [{ GRAFT_LIMIT_BYTES: "1e6" }, "GRAFT_LIMIT_BYTES"],
    [{ GRAFT_LIMIT_STREAMS: "-1" }, "GRAFT_LIMIT_STREAMS"],
    [{ GRAFT_VOLUME_BYTES_MAX: "10GB" }, "GRAFT_VOLUME_BYTES_MAX"],
    [{ GRAFT_TRUST_PROXY: "yes" }, "GRAFT_TRUST_PROXY"],
  ])("is refused when it is %j, naming %s", (env, name) => {
    expect(() => parseEdgeConfig(env)).toThrow(`${name} is "`);
  });
});
