import type { Clock } from "@graft/core";
import { createLocalJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { believedClaims, type Claims, unauthenticated } from "./claims.ts";
import type { Jwks } from "./jwks.ts";

/**
 * Signatures by a provider's private key. None that a public key could make as well (`HS…`), and
 * never `none`.
 */
const ALGORITHMS = [
  "EdDSA",
  "Ed25519",
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
];

export interface JwtOptions {
  readonly jwks: Jwks;
  /** Whom tokens are made for: one of these. A provider signs for many. */
  readonly audiences: readonly string[];
  /** Who makes them. Absent: whoever has one of the keys. */
  readonly issuer?: string | undefined;
  readonly clock: Clock;
}

/** Whether a text is shaped like a signed JWT. */
export function isJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/**
 * The claims of a JWT. @throws GraftError `unauthenticated`: it does not verify · `unavailable`:
 * the provider's keys cannot be had
 */
export async function verifyJwt(token: string, options: JwtOptions): Promise<Claims> {
  const { jwks } = options;
  try {
    return believedClaims(await verify(token, await jwks.keys(), options));
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw asRefusal(error);
  }
  const keys = await jwks.refreshed();
  if (keys === undefined) throw unauthenticated("the token is signed with a key nobody knows");
  try {
    return believedClaims(await verify(token, keys, options));
  } catch (error) {
    throw asRefusal(error);
  }
}

async function verify(
  token: string,
  keys: Awaited<ReturnType<Jwks["keys"]>>,
  { audiences, issuer, clock }: JwtOptions,
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
    algorithms: ALGORITHMS,
    audience: [...audiences],
    requiredClaims: ["exp"],
    currentDate: new Date(clock.nowMs()),
    ...(issuer !== undefined && { issuer }),
  });
  return payload;
}

/** Its text says which condition failed, and nothing of the token. */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof errors.JOSEError)) return error;
  return unauthenticated(`the token does not verify: ${error.message}`);
}
