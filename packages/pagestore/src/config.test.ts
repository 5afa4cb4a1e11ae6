import { describe, expect, it } from "vitest";
import { parsePagestoreConfig } from "./config.ts";

const least = { GRAFT_STORE: "file:./data", GRAFT_METASTORE: "http://127.0.0.1:3001" };

describe("the configuration of a PageStore", () => {
  it("needs a store and a MetaStore, and has a default for the rest", () => {
    expect(parsePagestoreConfig(least)).toMatchObject({
      host: "127.0.0.1",
      port: 3000,
      storeUrl: "file:./data",
      metastoreUrl: "http://127.0.0.1:3001",
      frameCacheSize: 32 * 1024 * 1024,
      logLevel: "info",
    });
  });

  it("takes everything from the environment", () => {
    const config = parsePagestoreConfig({
      ...least,
      GRAFT_PAGESTORE_HOST: "0.0.0.0",
      GRAFT_PAGESTORE_PORT: "0",
      GRAFT_PRODUCTION: "1",
      GRAFT_FRAME_CACHE_MIB: "8",
      GRAFT_LOG_LEVEL: "debug",
    });
    expect(config).toMatchObject({ host: "0.0.0.0", port: 0, logLevel: "debug" });
    expect(config.guard?.isProduction).toBe(true);
    expect(config.frameCacheSize).toBe(8 * 1024 * 1024);
  });

  it("has a disk cache when it is told where, of 1 GiB unless told otherwise", () => {
    const parse = (env: Record<string, string>): unknown =>
      parsePagestoreConfig({ ...least, ...env }).diskCache;
    const GRAFT_DISK_CACHE = "/var/cache/graft";
    const directory = GRAFT_DISK_CACHE;
    expect(parse({ GRAFT_DISK_CACHE })).toEqual({ directory, sizeMax: 1024 ** 3 });
    expect(parse({ GRAFT_DISK_CACHE, GRAFT_DISK_CACHE_MIB: "2" })).toEqual({
      directory,
      sizeMax: 2 * 1024 * 1024,
    });
    expect(parse({ GRAFT_DISK_CACHE, GRAFT_DISK_CACHE_MIB: "0" })).toBeUndefined();
    expect(parse({ GRAFT_DISK_CACHE: "" })).toBeUndefined();
    expect(parse({ GRAFT_DISK_CACHE_MIB: "2" })).toBeUndefined();
  });

  it.each([
    [{ GRAFT_STORE: "" }, "GRAFT_STORE is not set"],
    [{ GRAFT_METASTORE: undefined }, "GRAFT_METASTORE is not set"],
    [{ GRAFT_METASTORE: "127.0.0.1:3001" }, "expected http://host:port"],
    [{ GRAFT_METASTORE: "http://h/path" }, "expected http://host:port"],
    [{ GRAFT_PAGESTORE_PORT: "65536" }, "GRAFT_PAGESTORE_PORT is"],
    [{ GRAFT_PAGESTORE_PORT: "" }, "GRAFT_PAGESTORE_PORT is"],
    [{ GRAFT_FRAME_CACHE_MIB: "-1" }, "GRAFT_FRAME_CACHE_MIB is"],
    [{ GRAFT_DISK_CACHE: "c", GRAFT_DISK_CACHE_MIB: "1.5" }, "GRAFT_DISK_CACHE_MIB is"],
    [{ GRAFT_LOG_LEVEL: "loud" }, "GRAFT_LOG_LEVEL is"],
  ])("refuses %j", (change, message) => {
    expect(() => parsePagestoreConfig({ ...least, ...change })).toThrow(message);
  });
});
