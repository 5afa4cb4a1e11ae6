import { createVolumeId, GraftError, type VolumeId } from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { checkLsn, grantOf, takeRoom } from "./caller.ts";
import type { Claims } from "./claims.ts";
import { OPEN_GUARD, TokenGuard } from "./guard.ts";
import { fixedKeyRing, openKeyFile } from "./key-ring.ts";
import { createLocalKey, formatLocalKey, type LocalKey, parseLocalKeys } from "./local-key.ts";
import { openGuard, parseGuardConfig } from "./open-guard.ts";
import { sealToken } from "./paseto.ts";
import { parseVolumePattern } from "./scope.ts";
import { createToken, inspectToken } from "./token.ts";

let clock: SimulatedClock;
let random: SeededRandom;
let key: LocalKey;
let volumeId: VolumeId;

beforeEach(() => {
  clock = new SimulatedClock();
  random = new SeededRandom(3);
  key = createLocalKey(random);
  volumeId = createVolumeId({ clock, random });
});

const tokenOf = (claims: Claims, by = key): string => createToken(claims, by, { clock, random });
const guardOf = (...keys: readonly LocalKey[]): TokenGuard =>
  new TokenGuard({ keyRing: fixedKeyRing(keys), clock });
/** The code and the text of a refusal. */
async function refusalOf(guard: TokenGuard, token: string | undefined): Promise<GraftError> {
  try {
    await guard.authenticate(token);
  } catch (error) {
    if (error instanceof GraftError) return error;
    throw error;
  }
  throw new Error("the token was accepted");
}

describe("a guard", () => {
  test("knows the bearer of a token that one of its keys made", async () => {
    const guard = guardOf(createLocalKey(random), key);
    const token = tokenOf({ subject: "report" });
    const caller = await guard.authenticate(token);
    expect(caller).toMatchObject({ claims: { subject: "report" }, token });
    expect(await guard.authenticate(token)).toBe(caller);
  });

  test("refuses everything else as unauthenticated, and says nothing of the token", async () => {
    const guard = guardOf(key);
    const stranger = tokenOf({}, createLocalKey(random));
    const noClaims = sealToken("[]", key, random);
    const noJson = sealToken("{", key, random);
    const tokens = [stranger, noClaims, noJson, "", "v4.local.", "a.b.c", "x".repeat(9000)];
    for (const token of [undefined, ...tokens]) {
      const refusal = await refusalOf(guard, token);
      expect(refusal.code).toBe("unauthenticated");
      if ((token ?? "").length > 10) {
        expect(
          JSON.stringify([refusal.message, refusal.details, String(refusal.cause)]),
        ).not.toContain(token?.slice(9, 60));
      }
    }
  });

  test("refuses a token before its time and from its end on, also one it knows", async () => {
    const guard = guardOf(key);
    const nowMs = clock.nowMs();
    const token = tokenOf({ notBeforeMs: nowMs + 1000, expiresMs: nowMs + 3000 });
    expect((await refusalOf(guard, token)).message).toContain("valid from");
    await clock.advance(1000);
    await guard.authenticate(token);
    await clock.advance(1999);
    await guard.authenticate(token);
    await clock.advance(1);
    expect((await refusalOf(guard, token)).message).toContain("expired");
  });

  test("tells when a token that is used for long has ended", async () => {
    const guard = guardOf(key);
    const caller = await guard.authenticate(tokenOf({ expiresMs: clock.nowMs() + 60_000 }));
    const told = guard.whenInvalid(caller, new AbortController().signal);
    let isTold = false;
    void told.then(() => {
      isTold = true;
    });
    await clock.advance(59_000);
    expect(isTold).toBe(false);
    await clock.advance(1_000);
    expect((await told).code).toBe("unauthenticated");
  });

  test("that is open lets everybody in, and keeps the token for others to judge", async () => {
    const caller = await OPEN_GUARD.authenticate("whatever");
    expect(caller.token).toBe("whatever");
    expect(grantOf(caller, "admin", volumeId)).toEqual({ kind: "granted" });
  });
});

describe("keys", () => {
  test("are read from a text with comments, at most eight, each 32 bytes", () => {
    const hex = formatLocalKey(key);
    expect(parseLocalKeys(`# new\n${hex} # since May\n\n${hex}`)).toEqual([key]);
    for (const text of ["", "# none", "abc", `${hex}00`, hex.replace(/^./, "x")]) {
      expect(() => parseLocalKeys(text)).toThrow(GraftError);
    }
    const nine = Array.from({ length: 9 }, () => formatLocalKey(createLocalKey(random)));
    expect(() => parseLocalKeys(nine.join(" "))).toThrow("at most 8");
  });

  test("that are mistyped are not told", () => {
    const typo = `${formatLocalKey(key).slice(0, 63)}g`;
    expect(() => parseLocalKeys(typo)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(typo.slice(0, 20)) }),
    );
  });

  test("of a file change while it is used: a new one is known, one that is gone is not", async () => {
    const disk = new SimulatedDisk({ clock });
    const write = (...keys: readonly LocalKey[]): Promise<boolean> =>
      disk.writeWhole(
        "keys",
        [new TextEncoder().encode(keys.map(formatLocalKey).join("\n"))],
        "replace",
      );
    const troubles: GraftError[] = [];
    await write(key);
    const onTrouble = (error: GraftError): void => void troubles.push(error);
    const keyRing = openKeyFile({ path: "keys", fileSystem: disk, clock, onTrouble });
    const guard = new TokenGuard({ keyRing, clock });
    const next = createLocalKey(random);
    const [old, young] = [tokenOf({ subject: "old" }), tokenOf({ subject: "young" }, next)];
    await guard.authenticate(old);
    expect((await refusalOf(guard, young)).code).toBe("unauthenticated");

    await write(next, key);
    await clock.advance(1000);
    await guard.authenticate(young);
    await guard.authenticate(old);

    await disk.writeWhole("keys", [new TextEncoder().encode("oops")], "replace");
    await clock.advance(1000);
    await guard.authenticate(old);
    await guard.authenticate(young);
    expect(troubles).toHaveLength(1);

    const { stat } = disk;
    disk.stat = () => {
      throw new GraftError("io", "the folder cannot be looked at");
    };
    for (let look = 0; look < 3; look++) {
      await clock.advance(1000);
      await guard.authenticate(young);
    }
    expect(troubles).toHaveLength(2);
    disk.stat = stat;

    await write(next);
    await clock.advance(1000);
    await guard.authenticate(young);
    expect((await refusalOf(guard, old)).code).toBe("unauthenticated");
  });
});

describe("rights", () => {
  const scopes = (text: string) => [
    { volumes: [parseVolumePattern(text)], access: ["write"] as const, maxBytes: 10 },
  ];

  test("of a volume that is not named are denied in words that do not tell whether it exists", async () => {
    const other = createVolumeId({ clock, random });
    const caller = await guardOf(key).authenticate(tokenOf({ scopes: scopes(other) }));
    expect(() => grantOf(caller, "write", volumeId)).toThrow(
      expect.objectContaining({
        code: "permission-denied",
        details: { volume: volumeId, access: "write" },
      }),
    );
    expect(() => checkLsn({ kind: "granted", maxLsn: 4n as never }, volumeId, 5n as never)).toThrow(
      expect.objectContaining({ code: "permission-denied" }),
    );
  });

  test("to write end when as many bytes were written, for this token alone", async () => {
    const guard = guardOf(key);
    const write = async (token: string, sizeBytes: number): Promise<void> => {
      const caller = await guard.authenticate(token);
      const grant = grantOf(caller, "write", volumeId);
      takeRoom(guard.allowances, caller, grant, { volumeId, sizeBytes });
    };
    const [one, two] = [tokenOf({ scopes: scopes("*") }), tokenOf({ scopes: scopes("*") })];
    await write(one, 7);
    await expect(write(one, 4)).rejects.toMatchObject({ code: "resource-exhausted" });
    await write(one, 3);
    await expect(write(one, 1)).rejects.toMatchObject({ code: "resource-exhausted" });
    await write(one, 0);
    await write(two, 10);
  });
});

describe("a server's way to know its callers", () => {
  const means = () => ({
    clock,
    fileSystem: new SimulatedDisk({ clock }),
    fetch: globalThis.fetch,
    onTrouble: () => undefined,
  });

  test("is none when nothing is said, but not in production", () => {
    expect(openGuard(parseGuardConfig({}), means())).toBe(OPEN_GUARD);
    expect(() => openGuard(parseGuardConfig({ GRAFT_PRODUCTION: "1" }), means())).toThrow(
      "in production",
    );
    expect(openGuard(parseGuardConfig({ GRAFT_PRODUCTION: "0" }), means())).toBe(OPEN_GUARD);
  });

  test.each(["GRAFT_TOKEN_KEYS", "METASTORE_AUTH_KEY", "PAGESTORE_AUTH__KEY"])(
    "is a key in %s",
    async (name) => {
      const env = { [name]: formatLocalKey(key), GRAFT_PRODUCTION: "1" };
      const guard = openGuard(parseGuardConfig(env), means());
      await guard.authenticate(tokenOf({}));
      expect(guard.isOpen).toBe(false);
    },
  );

  test.each([
    [{ GRAFT_TOKEN_KEYS: "short" }, "64 hex digits"],
    [{ GRAFT_TOKEN_KEYS_FILE: "nowhere" }, "nowhere"],
    [{ GRAFT_JWKS: "http://example.com/keys", GRAFT_JWT_AUDIENCE: "graft" }, "https"],
    [{ GRAFT_JWKS: "https://example.com/keys" }, "--jwt-audience"],
    [{ GRAFT_JWT_AUDIENCE: "graft" }, "--jwks"],
  ])("is refused when it cannot work: %o", (env, words) => {
    expect(() => openGuard(parseGuardConfig(env), means())).toThrow(words);
  });
});

test("a token can be looked at: with its key all of it, without only what it is", () => {
  const token = tokenOf({ subject: "x" });
  expect(inspectToken(token, [key])).toEqual({ kind: "paseto", claims: { subject: "x" } });
  expect(inspectToken(token)).toEqual({ kind: "paseto", claims: undefined });
  const payload = Buffer.from('{"sub":"y","exp":1700000000}').toString("base64url");
  expect(inspectToken(`e30.${payload}.c2ln`)).toEqual({
    kind: "jwt",
    claims: { subject: "y", expiresMs: 1_700_000_000_000 },
  });
  expect(inspectToken("hello")).toEqual({ kind: "unknown" });
});
