import type { Clock, Random } from "@graft/core";
import { decodeBase64Url } from "./base64url.ts";
import { believedClaims, type Claims, encodeClaims } from "./claims.ts";
import { isJwt } from "./jwt.ts";
import type { LocalKey } from "./local-key.ts";
import { openToken, PASETO_HEADER, sealToken } from "./paseto.ts";

/** Makes a token that says so. */
export function createToken(
  claims: Claims,
  key: LocalKey,
  means: { readonly clock: Clock; readonly random: Random },
): string {
  return sealToken(encodeClaims(claims, means.clock.nowMs()), key, means.random);
}

/** What can be said of a token without asking a server. */
export type Inspection =
  /** Encrypted; `claims` only with a key that it was made with. */
  | { readonly kind: "paseto"; readonly claims: Claims | undefined }
  /** Anybody can read a JWT; whether it is genuine only its provider's keys tell. */
  | { readonly kind: "jwt"; readonly claims: Claims | undefined }
  | { readonly kind: "unknown" };

/** Looks at a token. @throws GraftError `unauthenticated`: genuine, and its claims are malformed */
export function inspectToken(token: string, keys: readonly LocalKey[] = []): Inspection {
  if (token.startsWith(PASETO_HEADER)) return { kind: "paseto", claims: openedClaims(token, keys) };
  if (!isJwt(token)) return { kind: "unknown" };
  return { kind: "jwt", claims: readableClaims(token) };
}

function openedClaims(token: string, keys: readonly LocalKey[]): Claims | undefined {
  for (const key of keys) {
    const payload = openToken(token, key);
    if (payload !== undefined) return believedClaims(JSON.parse(payload));
  }
  return undefined;
}

function readableClaims(token: string): Claims | undefined {
  const bytes = decodeBase64Url(token.split(".")[1] ?? "");
  if (bytes === undefined) return undefined;
  try {
    return believedClaims(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}
