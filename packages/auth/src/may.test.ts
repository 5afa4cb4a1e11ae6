import { createVolumeId, GraftError, parseVolumeId, toLsn, type VolumeId } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeClaims, encodeClaims } from "./claims.ts";
import { may } from "./may.ts";
import { ACCESSES, parseVolumePattern, type Scope } from "./scope.ts";

const ids = { clock: new SimulatedClock(), random: new SeededRandom(8) };
const [a, b] = [createVolumeId(ids), createVolumeId(ids)];
const scope = (text: string, ...access: Scope["access"]): Scope => ({
  volumes: [parseVolumePattern(text)],
  access,
});
const granted = (
  scopes: readonly Scope[] | undefined,
  volumeId: VolumeId,
  access = "read" as const,
) => may(scopes === undefined ? {} : { scopes }, { volumeId, access }).kind === "granted";

describe("what a token gives", () => {
  test("is everything without scopes, and nothing with an empty list of them", () => {
    for (const access of ACCESSES) {
      expect(may({}, { volumeId: a, access })).toEqual({ kind: "granted" });
      expect(may({ scopes: [] }, { volumeId: a, access })).toEqual({ kind: "denied" });
    }
  });

  test("is each right by itself; admin is all of them", () => {
    for (const held of ACCESSES) {
      for (const access of ACCESSES) {
        const verdict = may({ scopes: [scope("*", held)] }, { volumeId: a, access });
        expect(verdict.kind === "granted").toBe(held === access || held === "admin");
      }
    }
  });

  test("holds for a volume by its whole id, by a beginning with a star, or for all", () => {
    expect(granted([scope(a, "read")], a)).toBe(true);
    expect(granted([scope(a, "read")], b)).toBe(false);
    // Ids of one time share their beginning; they differ in the end.
    const common = [...a].findIndex((digit, at) => digit !== b[at]);
    expect(granted([scope(`${a.slice(0, common)}*`, "read")], b)).toBe(true);
    expect(granted([scope(`${a.slice(0, common + 1)}*`, "read")], b)).toBe(false);
    expect(granted([scope("*", "read")], b)).toBe(true);
  });

  test("never crosses volumes: one scope's access is not another's volume", () => {
    const scopes = [scope(a, "read"), scope(b, "write")];
    expect(granted(scopes, b)).toBe(false);
    expect(may({ scopes }, { volumeId: a, access: "write" }).kind).toBe("denied");
  });

  test("is bounded by the widest of the scopes that grant it", () => {
    const five = { ...scope("*", "read", "write"), maxLsn: toLsn(5n), maxBytes: 10 };
    const nine = { ...scope(a, "read", "write"), maxLsn: toLsn(9n), maxBytes: 3 };
    const wish = { volumeId: a, access: "write" } as const;
    expect(may({ scopes: [five, nine] }, wish)).toEqual({
      kind: "granted",
      maxLsn: 9n,
      budgets: [
        { scope: 0, maxBytes: 10 },
        { scope: 1, maxBytes: 3 },
      ],
    });
    expect(may({ scopes: [five, scope(a, "write")] }, wish)).toEqual({ kind: "granted" });
    expect(may({ scopes: [five, nine] }, { ...wish, volumeId: b })).toMatchObject({ maxLsn: 5n });
  });

  test("agrees with the naive reading of its scopes", () => {
    const volumes = fc.constantFrom("*", a as string, b as string, `${a.slice(0, 3)}*`);
    const access = fc.subarray([...ACCESSES], { minLength: 1 });
    const scopes = fc.array(fc.record({ volumes: fc.array(volumes, { minLength: 1 }), access }));
    fc.assert(
      fc.property(scopes, fc.constantFrom(a, b), fc.constantFrom(...ACCESSES), (raw, id, wish) => {
        const claims = decodeClaims({ scopes: raw });
        const expected = raw.some(
          (one) =>
            (one.access.includes(wish) || one.access.includes("admin")) &&
            one.volumes.some((text) =>
              text.endsWith("*") ? id.startsWith(text.slice(0, -1)) : id === text,
            ),
        );
        expect(may(claims, { volumeId: id, access: wish }).kind === "granted").toBe(expected);
      }),
    );
  });
});

describe("claims", () => {
  test("come back from a payload", () => {
    const claims = {
      subject: "report",
      expiresMs: Date.UTC(2027, 0, 31),
      notBeforeMs: Date.UTC(2026, 0, 31),
      scopes: [{ ...scope(a, "read"), maxLsn: toLsn(7n), maxBytes: 0 }, scope("5r*", "create")],
    };
    expect(decodeClaims(JSON.parse(encodeClaims(claims, 5)))).toEqual(claims);
  });

  test("of v0.1 are read: dates in text, and an empty date is none", () => {
    const v01 = {
      sub: "client",
      iat: "2025-05-01T10:00:00Z",
      nbf: "2025-05-01T10:00:00Z",
      exp: "",
    };
    expect(decodeClaims(v01)).toEqual({
      subject: "client",
      notBeforeMs: Date.UTC(2025, 4, 1, 10),
    });
    expect(decodeClaims({ exp: 1_700_000_000 })).toEqual({ expiresMs: 1_700_000_000_000 });
  });

  test.each([
    ["no object", 7],
    ["no object", null],
    ["a subject that is no text", { sub: 7 }],
    ["a date that is none", { exp: "tomorrow" }],
    ["a date that is none", { exp: "2027-13-45T99:00:00Z" }],
    ["a date that is none", { nbf: -1 }],
    ["a date that is none", { exp: Number.MAX_VALUE }],
    ["scopes that are no list", { scopes: {} }],
    ["a scope that is none", { scopes: ["read"] }],
    ["a scope without volumes", { scopes: [{ access: ["read"] }] }],
    ["a scope with no volumes", { scopes: [{ volumes: [], access: ["read"] }] }],
    ["a scope without access", { scopes: [{ volumes: ["*"] }] }],
    ["an access nobody knows", { scopes: [{ volumes: ["*"], access: ["fly"] }] }],
    ["half an id", { scopes: [{ volumes: [a.slice(0, 21)], access: ["read"] }] }],
    ["an id and more", { scopes: [{ volumes: [`${a}1`], access: ["read"] }] }],
    ["an id with a star behind it", { scopes: [{ volumes: [`${a}1*`], access: ["read"] }] }],
    ["a star in the middle", { scopes: [{ volumes: ["5*r"], access: ["read"] }] }],
    ["a path", { scopes: [{ volumes: ["../*"], access: ["read"] }] }],
    ["a limit nobody knows", { scopes: [{ volumes: ["*"], access: ["read"], maxPages: 1 }] }],
    ["an LSN of 0", { scopes: [{ volumes: ["*"], access: ["read"], maxLsn: 0 }] }],
    ["half an LSN", { scopes: [{ volumes: ["*"], access: ["read"], maxLsn: 1.5 }] }],
    ["bytes below none", { scopes: [{ volumes: ["*"], access: ["read"], maxBytes: -1 }] }],
    [
      "more scopes than there may be",
      { scopes: Array(300).fill({ volumes: ["*"], access: ["read"] }) },
    ],
  ])("are refused with %s", (_what, payload) => {
    expect(() => decodeClaims(payload)).toThrow(GraftError);
  });

  test("name volumes only, no ids of another kind", () => {
    const segment = "a".repeat(22);
    expect(() => parseVolumeId(segment)).toThrow();
    expect(() => parseVolumePattern(segment)).toThrow(GraftError);
  });
});
