import { describe, expect, test } from "vitest";
import { parseNatsLocation } from "./nats-location.ts";
import { parseNotify } from "./notify-config.ts";

describe("a place of NATS", () => {
  test("is a host, and 4222 and `graft` unless told otherwise", () => {
    expect(parseNatsLocation("nats://broker")).toEqual({
      servers: ["broker:4222"],
      login: { kind: "none" },
      prefix: "graft",
      name: "nats://broker:4222/graft",
    });
  });

  test("may be several hosts, with credentials, TLS and a prefix", () => {
    const location = parseNatsLocation(
      "tls://me:p%40ss@a:1,[::1]:2,c/team.graft?ca=/etc/ca.pem&cert=c.pem&key=k.pem",
    );
    expect(location).toEqual({
      servers: ["a:1", "[::1]:2", "c:4222"],
      login: { kind: "user", user: "me", password: "p@ss" },
      tls: { caFile: "/etc/ca.pem", certFile: "c.pem", keyFile: "k.pem" },
      prefix: "team.graft",
      name: "tls://a:1,[::1]:2,c:4222/team.graft",
    });
    expect(parseNatsLocation("nats://secret@a").login).toEqual({ kind: "token", token: "secret" });
  });

  test.each([
    ["nats://", "no such URL"],
    ["nats://@a", "user is empty"],
    ["nats://:x@a", "user is empty"],
    ["nats://a:0", "no host and port"],
    ["nats://a:99999", "no host and port"],
    ["nats://a b", "no host and port"],
    ["nats://a,,b", "no host and port"],
    ["nats://a/x y", "cannot begin a subject"],
    ["nats://a/x.>", "cannot begin a subject"],
    ["nats://%zz@a", "not percent-encoded"],
    ["nats://a?ca=x", "files need tls://"],
    ["tls://a?insecure=1", 'knows no "insecure"'],
  ])("%s is refused: %s", (url, why) => {
    expect(() => parseNatsLocation(url)).toThrow(why);
  });

  test("is refused without its credentials being repeated", () => {
    expect(() => parseNatsLocation("nats://topsecret@a:0")).toThrow(
      expect.not.stringContaining("topsecret"),
    );
  });

  test("is one of three ways to learn of other nodes", () => {
    expect([parseNotify("none"), parseNotify("probe")]).toEqual(["none", "probe"]);
    expect(parseNotify("nats://a")).toMatchObject({ name: "nats://a:4222/graft" });
    expect(() => parseNotify("http://a")).toThrow("expected none, probe or nats://host:port");
  });
});
