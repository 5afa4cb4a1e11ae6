import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { GraftError } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { TokenGuard } from "./guard.ts";
import { Jwks } from "./jwks.ts";

/** A provider, signing by hand: what is accepted does not come from the code that checks it. */
class Provider {
  readonly keys = new Map<string, { privateKey: KeyObject; publicKey: KeyObject }>();
  fetchCount = 0;
  answer: () => Response = () => Response.json(this.set());

  addKey(kid: string): void {
    this.keys.set(kid, generateKeyPairSync("ec", { namedCurve: "P-256" }));
  }

  set(): object {
    const keys = [...this.keys].map(([kid, { publicKey }]) => ({
      ...publicKey.export({ format: "jwk" }),
      kid,
      use: "sig",
    }));
    return { keys };
  }

  readonly fetch = async (): Promise<Response> => {
    this.fetchCount++;
    return this.answer();
  };

  token(kid: string, claims: object, header: object = { alg: "ES256", kid }): string {
    const key = this.keys.get(kid)?.privateKey;
    if (key === undefined) throw new Error(`no key ${kid}`);
    const body = [header, claims].map(base64).join(".");
    const signature = sign("sha256", Buffer.from(body), { key, dsaEncoding: "ieee-p1363" });
    return `${body}.${signature.toString("base64url")}`;
  }
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

let clock: SimulatedClock;
let provider: Provider;
let guard: TokenGuard;

beforeEach(() => {
  clock = new SimulatedClock({ mode: "auto" });
  provider = new Provider();
  provider.addKey("one");
  const jwks = new Jwks({ url: "https://id.example/keys", fetch: provider.fetch, clock });
  const jwt = { jwks, audiences: ["graft"], issuer: "https://id.example", clock };
  guard = new TokenGuard({ jwt, clock });
});

const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);
const good = () => ({
  sub: "ada",
  aud: "graft",
  iss: "https://id.example",
  exp: nowSeconds() + 600,
});
const authenticate = async (token: string) => await guard.authenticate(token);

describe("a JWT", () => {
  test("is accepted with the provider's signature, and says the same as our own tokens", async () => {
    const scopes = [{ volumes: ["*"], access: ["read"] }];
    const caller = await authenticate(provider.token("one", { ...good(), scopes }));
    expect(caller.claims).toMatchObject({ subject: "ada", scopes: [{ access: ["read"] }] });
    expect((await authenticate(provider.token("one", good()))).claims.scopes).toBeUndefined();
  });

  test("is looked at once, and its provider asked once for all tokens", async () => {
    const token = provider.token("one", good());
    const caller = await authenticate(token);
    for (let times = 0; times < 5; times++) expect(await authenticate(token)).toBe(caller);
    await Promise.all(
      [1, 2, 3].map((n) => authenticate(provider.token("one", { ...good(), jti: String(n) }))),
    );
    expect(provider.fetchCount).toBe(1);
  });

  test.each([
    ["for somebody else", { aud: "mail" }],
    ["by somebody else", { iss: "https://evil.example" }],
    ["without an end", { exp: undefined }],
    ["that is over", { exp: 1 }],
    ["that has not begun", { nbf: 99_999_999_999 }],
    ["with scopes that are none", { scopes: ["openid"] }],
  ])("is refused %s", async (_what, change) => {
    const token = provider.token("one", { ...good(), ...change });
    await expect(authenticate(token)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("is refused without a signature, or with one that a public key could make", async () => {
    const unsigned = `${base64({ alg: "none" })}.${base64(good())}.`;
    expect(() => guard.authenticate(unsigned)).toThrow(GraftError);
    const body = `${base64({ alg: "HS256", kid: "one" })}.${base64(good())}`;
    const secret = JSON.stringify(provider.set());
    const forged = `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
    await expect(authenticate(forged)).rejects.toMatchObject({ code: "unauthenticated" });
    const token = provider.token("one", good());
    const [head, , signature] = token.split(".");
    const swapped = `${head}.${base64({ ...good(), sub: "root" })}.${signature}`;
    await expect(authenticate(swapped)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("signed with a new key is accepted after the set was fetched again, once in a while", async () => {
    await authenticate(provider.token("one", good()));
    provider.addKey("two");
    await clock.sleep(31_000);
    await authenticate(provider.token("two", good()));
    expect(provider.fetchCount).toBe(2);
    const stranger = new Provider();
    stranger.addKey("three");
    for (let times = 0; times < 5; times++) {
      const token = stranger.token("three", { ...good(), jti: String(times) });
      await expect(authenticate(token)).rejects.toMatchObject({ code: "unauthenticated" });
    }
    expect(provider.fetchCount).toBe(2);
  });

  test("signed with a new key waits for a set that is being fetched already", async () => {
    await authenticate(provider.token("one", good()));
    provider.addKey("two");
    await clock.sleep(31_000);
    const tokens = [1, 2, 3].map((n) => provider.token("two", { ...good(), jti: String(n) }));
    const callers = await Promise.all(tokens.map(authenticate));
    expect(callers.map(({ claims }) => claims.subject)).toEqual(["ada", "ada", "ada"]);
    expect(provider.fetchCount).toBe(2);
  });

  test("is over at its end, also while its provider is away", async () => {
    const caller = await authenticate(provider.token("one", good()));
    provider.answer = () => new Response("down", { status: 503 });
    const reason = await guard.whenInvalid(caller, new AbortController().signal);
    expect(reason.code).toBe("unauthenticated");
    expect(provider.fetchCount).toBeLessThan(5);
  });

  test("goes on being accepted while its provider is away, for a day", async () => {
    await authenticate(provider.token("one", good()));
    provider.answer = () => new Response("down", { status: 503 });
    await clock.sleep(3_600_000);
    await authenticate(provider.token("one", good()));
    await clock.sleep(24 * 3_600_000);
    await expect(authenticate(provider.token("one", good()))).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  test.each([
    ["an answer that is too large", () => new Response("x".repeat(300_000))],
    ["an answer that is no JSON", () => new Response("<html>")],
    ["an answer that is no set", () => Response.json({ keys: "none" })],
    ["a set of too many keys", () => Response.json({ keys: Array(65).fill({}) })],
    ["an answer that never ends", () => new Response(new ReadableStream({}))],
  ])("cannot be judged after %s", async (_what, answer) => {
    provider.answer = answer;
    await expect(authenticate(provider.token("one", good()))).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});
