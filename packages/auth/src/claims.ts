import { GraftError, isGraftError } from "@graft/core";
import { decodeScope, encodeScope, isRecord, SCOPE_COUNT_MAX, type Scope } from "./scope.ts";

/** What a token says, once it was found to be genuine. */
export interface Claims {
  /** Whom it was made for. */
  readonly subject?: string;
  /** Ms since 1970: from then on it is no longer valid. Absent: it never ends. */
  readonly expiresMs?: number;
  /** Ms since 1970: before it is not yet valid. */
  readonly notBeforeMs?: number;
  /** Absent: everything, as tokens of v0.1 give it. */
  readonly scopes?: readonly Scope[];
}

/** Dates as PASETO has them: RFC 3339. */
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
/** Seconds since 1970 that a date can hold. */
const SECONDS_MAX = 8.64e12;

/**
 * Reads a token's payload: dates as text (PASETO) or seconds since 1970 (JWT). Claims it does not
 * know are left alone, those of a scope are not.
 *
 * @throws GraftError `invalid-argument`
 */
export function decodeClaims(payload: unknown): Claims {
  if (!isRecord(payload)) throw malformed("it is no object");
  const { sub, exp, nbf, scopes } = payload;
  if (sub !== undefined && typeof sub !== "string") throw malformed('"sub" is no text');
  const expiresMs = dateOf(exp, "exp");
  const notBeforeMs = dateOf(nbf, "nbf");
  return {
    ...(sub !== undefined && { subject: sub }),
    ...(expiresMs !== undefined && { expiresMs }),
    ...(notBeforeMs !== undefined && { notBeforeMs }),
    ...(scopes !== undefined && { scopes: scopesOf(scopes) }),
  };
}

/** The claims of a genuine token. @throws GraftError `unauthenticated`: they cannot be read */
export function believedClaims(payload: unknown): Claims {
  try {
    return decodeClaims(payload);
  } catch (error) {
    if (!isGraftError(error, "invalid-argument")) throw error;
    throw unauthenticated(`the token cannot be used: ${error.message}`);
  }
}

/** The payload of a PASETO token, as JSON. What `decodeClaims` reads. */
export function encodeClaims(claims: Claims, issuedMs: number): string {
  const { subject, expiresMs, notBeforeMs, scopes } = claims;
  return JSON.stringify({
    ...(subject !== undefined && { sub: subject }),
    iat: new Date(issuedMs).toISOString(),
    ...(notBeforeMs !== undefined && { nbf: new Date(notBeforeMs).toISOString() }),
    ...(expiresMs !== undefined && { exp: new Date(expiresMs).toISOString() }),
    ...(scopes !== undefined && { scopes: scopes.map(encodeScope) }),
  });
}

/** @throws GraftError `unauthenticated`: too early or too late */
export function checkTimes(claims: Claims, nowMs: number): void {
  const { expiresMs, notBeforeMs } = claims;
  if (expiresMs !== undefined && nowMs >= expiresMs) {
    throw unauthenticated(`the token expired at ${new Date(expiresMs).toISOString()}: renew it`);
  }
  if (notBeforeMs !== undefined && nowMs < notBeforeMs) {
    const from = new Date(notBeforeMs).toISOString();
    throw unauthenticated(`the token is valid from ${from} on: wait, or set the clocks`);
  }
}

/** A refusal of a token. Its text never holds the token, nor a part of it. */
export function unauthenticated(message: string, cause?: unknown): GraftError {
  return new GraftError("unauthenticated", message, cause === undefined ? {} : { cause });
}

function scopesOf(value: unknown): readonly Scope[] {
  if (!Array.isArray(value) || value.length > SCOPE_COUNT_MAX) {
    throw malformed(`"scopes" is no list of at most ${SCOPE_COUNT_MAX}`);
  }
  return value.map(decodeScope);
}

function dateOf(value: unknown, name: string): number | undefined {
  // v0.1 takes an empty date for none.
  if (value === undefined || value === "") return undefined;
  const ms = typeof value === "string" && DATE.test(value) ? Date.parse(value) : secondsOf(value);
  if (!Number.isNaN(ms)) return ms;
  throw malformed(`"${name}" is no date`);
}

function secondsOf(value: unknown): number {
  const isDate = typeof value === "number" && value >= 0 && value <= SECONDS_MAX;
  return isDate ? value * 1000 : Number.NaN;
}

function malformed(what: string): GraftError {
  return new GraftError("invalid-argument", `malformed claims: ${what}`);
}
