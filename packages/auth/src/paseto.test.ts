import { SeededRandom } from "@graft/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";
import { createLocalKey, parseLocalKey } from "./local-key.ts";
import { openToken, PASETO_HEADER, sealToken } from "./paseto.ts";

/** Of the published test vectors of PASETO version 4 (4-E-1 … 4-E-5). */
const KEY = parseLocalKey("707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f");
const SECRET = '{"data":"this is a secret message","exp":"2022-01-01T00:00:00+00:00"}';
const HIDDEN = '{"data":"this is a hidden message","exp":"2022-01-01T00:00:00+00:00"}';
const NONCE_3 = "df654812bac492663825520ba2f6e67cf5ca5bdc13d4e7507a98cc4c2fcc3ad8";
const VECTORS = [
  {
    nonce: "00".repeat(32),
    payload: SECRET,
    token:
      "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XJ5hOb_4v9RmDkneN0S92dx0OW4pgy7omxgf3S8c3LlQg",
  },
  {
    nonce: "00".repeat(32),
    payload: HIDDEN,
    token:
      "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvS2csCgglvpk5HC0e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XIemu9chy3WVKvRBfg6t8wwYHK0ArLxxfZP73W_vfwt5A",
  },
  {
    nonce: NONCE_3,
    payload: SECRET,
    token:
      "v4.local.32VIErrEkmY4JVILovbmfPXKW9wT1OdQepjMTC_MOtjA4kiqw7_tcaOM5GNEcnTxl60WkwMsYXw6FSNb_UdJPXjpzm0KW9ojM5f4O2mRvE2IcweP-PRdoHjd5-RHCiExR1IK6t6-tyebyWG6Ov7kKvBdkrrAJ837lKP3iDag2hzUPHuMKA",
  },
] as const;
const WITH_FOOTER =
  "v4.local.32VIErrEkmY4JVILovbmfPXKW9wT1OdQepjMTC_MOtjA4kiqw7_tcaOM5GNEcnTxl60WkwMsYXw6FSNb_UdJPXjpzm0KW9ojM5f4O2mRvE2IcweP-PRdoHjd5-RHCiExR1IK6t4x-RMNXtQNbz7FvFZ_G-lFpk5RG3EOrwDL6CgDqcerSQ.eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9";

describe("a PASETO v4.local token", () => {
  test.each(VECTORS)("is what the standard says: $payload", ({ nonce, payload, token }) => {
    const bytes = Uint8Array.from(nonce.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const random = { fill: (target: Uint8Array) => target.set(bytes) };
    expect(sealToken(payload, KEY, random)).toBe(token);
    expect(openToken(token, KEY)).toBe(payload);
  });

  test("with a footer is not accepted, as in v0.1", () => {
    expect(openToken(WITH_FOOTER, KEY)).toBeUndefined();
  });

  test("opens with its key alone, and brings back any payload", () => {
    const random = new SeededRandom(4);
    const [key, other] = [createLocalKey(random), createLocalKey(random)];
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (payload) => {
        const token = sealToken(payload, key, random);
        expect(openToken(token, key)).toBe(new TextDecoder().decode(Buffer.from(payload)));
        expect(openToken(token, other)).toBeUndefined();
      }),
    );
  });

  test("with any bit turned over, cut short or made longer does not open", () => {
    const token = VECTORS[0].token;
    const bytes = decodeBase64Url(token.slice(PASETO_HEADER.length)) ?? new Uint8Array(0);
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openToken(PASETO_HEADER + encodeBase64Url(changed), KEY)).toBeUndefined();
    }
    for (const text of ["", "v4.local.", token.slice(0, -4), `${token}AAAA`, token.slice(3)]) {
      expect(openToken(text, KEY)).toBeUndefined();
    }
  });
});

describe("base64url", () => {
  test("comes back, and agrees with Node's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = encodeBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(decodeBase64Url(text)).toEqual(bytes);
      }),
    );
  });

  test("has one text for each value", () => {
    for (const text of ["A", "AB", "AAB", "AA=", "A+AA", "AA A", "ä"]) {
      expect(decodeBase64Url(text)).toBeUndefined();
    }
  });
});
