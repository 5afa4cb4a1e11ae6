/** From what a token and the keys at hand say to what a person should do. */
import type { Claims, Inspection } from "@graft/auth";
import type { Rights } from "../token/ask-rights.ts";
import { describeClaims } from "../token/describe-claims.ts";
import type { Judgement } from "./check.ts";

const DAY_MS = 86_400_000;
/** A token that ends within this time is renewed now. */
const EXPIRY_WARN_MS = 7 * DAY_MS;

/** What a token says of itself: whether it is valid now, for how long, and for what. */
export function judgeToken(
  { kind }: Inspection,
  claims: Claims | undefined,
  nowMs: number,
): Judgement {
  if (kind === "unknown") {
    const advice = "expected v4.local.…, or a JWT: check GRAFT_TOKEN or --token";
    return { status: "fail", found: "that is no token", advice };
  }
  if (claims === undefined) {
    const found = "it cannot be read without its key: the server is asked below";
    return { status: "ok", found, values: { kind } };
  }
  const found = describeClaims(claims, nowMs).map(inWords).join("; ");
  const { notBeforeMs, expiresMs } = claims;
  const values = { kind, ...(expiresMs !== undefined && { expiresInMs: expiresMs - nowMs }) };
  if (expiresMs !== undefined && expiresMs <= nowMs) {
    const advice = "make a new one: graft token create, or ask who made it";
    return { status: "fail", found, advice, values };
  }
  if (notBeforeMs !== undefined && notBeforeMs > nowMs) {
    const advice = "it is not valid yet: wait, or see that this machine's clock is right";
    return { status: "fail", found, advice, values };
  }
  if (expiresMs !== undefined && expiresMs - nowMs < EXPIRY_WARN_MS) {
    return { status: "warn", found, advice: "it ends within a week: make a new one now", values };
  }
  if (claims.scopes === undefined && expiresMs === undefined) {
    const advice = "whoever finds it has everything for ever: give it --expires and --volume";
    return { status: "warn", found, advice, values };
  }
  return { status: "ok", found, values };
}

/**
 * @param madeWith the place of the key that opens the token among those at hand, which are in the
 *   order of the server: the first makes tokens
 */
export function judgeKeys(keyCount: number, madeWith: number | undefined): Judgement {
  const values = { keyCount, ...(madeWith !== undefined && { madeWith: madeWith + 1 }) };
  const of = keyCount === 1 ? "the one key" : `one of ${keyCount} keys`;
  if (madeWith === undefined) {
    const advice =
      "servers with these keys refuse it: make it anew, or add the key it was made with";
    return {
      status: "fail",
      found: `it was made with none of the ${keyCount} key(s) at hand`,
      advice,
      values,
    };
  }
  if (madeWith > 0) {
    const found = `it was made with key ${madeWith + 1} of ${keyCount}, which makes no new ones`;
    const advice = "make a new one with the first key; then the older key can go";
    return { status: "warn", found, advice, values };
  }
  return { status: "ok", found: `it was made with ${of} at hand, the first`, values };
}

/** What a server lets a token do with a volume that the token names. */
export function judgeRights(rights: Rights, claimed: readonly string[]): Judgement {
  const has = (right: "read" | "write"): boolean =>
    claimed.includes(right) || claimed.includes("admin");
  const given = Object.entries(rights).flatMap(([right, isGiven]) => (isGiven ? [right] : []));
  const found = `the server lets it ${given.join(" and ") || "do nothing"}`;
  const values = { ...rights };
  if (rights.read === has("read") && rights.write === has("write")) {
    return { status: "ok", found, values };
  }
  const advice = `the token says ${claimed.join(", ")}: is it this server's, and this volume?`;
  return { status: "warn", found, advice, values };
}

/** "subject   phone" in one space. */
function inWords(line: string): string {
  return line.replace(/ {2,}/, " ");
}
