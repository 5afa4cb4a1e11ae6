/**
 * What an S3 answer that is no success means to us. A status decides first, S3's own code second:
 * servers agree on the statuses and invent codes.
 *
 * | status | means |
 * |---|---|
 * | 400 | a request that timed out or was cut short is `unavailable`; else `invalid-argument` |
 * | 401, 403 | `permission-denied` |
 * | 404 with NoSuchBucket | `not-found`: the bucket, never the object |
 * | 408, 409, 425, 429, 499, 5xx | `unavailable`: try again |
 * | 501 | `invalid-argument`: the store lacks what we need |
 * | other | `invalid-argument`: redirects (wrong region or endpoint) and what we do not know |
 */
import { GraftError, type GraftErrorCode } from "@graft/core";

/** Facts about one request that failed. */
export interface S3Failure {
  /** "put volumes/…". */
  readonly what: string;
  /** The store's name. */
  readonly store: string;
  readonly status: number;
  /** S3's own code, such as "SlowDown"; may be empty. */
  readonly code: string;
  /** S3's own sentence; may be empty. */
  readonly message: string;
}

/** Codes of status 400 that say nothing against the request itself. */
const PASSING: ReadonlySet<string> = new Set([
  "RequestTimeout",
  "IncompleteBody",
  "BadDigest",
  "XAmzContentSHA256Mismatch",
  "InternalError",
]);

/** Statuses below 500 that may be another one next time. */
const REPEATABLE: ReadonlySet<number> = new Set([408, 409, 425, 429, 499]);

/** The error of an answered request. */
export function s3Error(failure: S3Failure): GraftError {
  const { what, store, status, code } = failure;
  const said = [code, failure.message].filter((text) => text !== "").join(": ");
  const message = `${store}: ${what} was answered ${status}${said === "" ? "" : ` (${said})`}`;
  const details = { store, status, s3Code: code };
  return new GraftError(codeOf(failure), `${message}${adviceFor(failure)}`, { details });
}

/** The error of a request without an answer: whether a write took effect is unknown. */
export function s3Unanswered(what: string, store: string, cause: unknown): GraftError {
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  const message = `${store}: ${what} got no answer: ${why}`;
  return new GraftError("unavailable", message, { cause, details: { store } });
}

function codeOf({ status, code }: S3Failure): GraftErrorCode {
  if (status === 501) return "invalid-argument";
  if (status >= 500 || REPEATABLE.has(status)) return "unavailable";
  if (status === 400 && PASSING.has(code)) return "unavailable";
  if (status === 401 || status === 403) return "permission-denied";
  if (status === 404 && code === "NoSuchBucket") return "not-found";
  return "invalid-argument";
}

function adviceFor({ status, code }: S3Failure): string {
  if (code === "NoSuchBucket") return "; create the bucket, or correct its name";
  if (code === "RequestTimeTooSkewed") return "; set this machine's clock";
  if (code === "SignatureDoesNotMatch") return "; check AWS_SECRET_ACCESS_KEY and the region";
  if (code === "InvalidAccessKeyId") return "; check AWS_ACCESS_KEY_ID";
  if (status === 301 || status === 307) return "; check the endpoint and the region";
  if (status === 501) return "; this store lacks something Graft needs";
  return "";
}
