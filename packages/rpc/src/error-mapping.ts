/**
 * The only table between `GraftErrorCode`, Connect's codes and v0.1's. Every server answer and
 * every client exception passes through here. `ErrorDetail.code` says our code exactly; without it
 * (a proxy, the network, a foreign server) the Connect code is translated with care: nothing that
 * is merely lost becomes a definite answer. Connect says `aborted` for a reset connection, so
 * `rejected` is believed only with its detail.
 */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorDetails, GraftError, type GraftErrorCode, isGraftErrorCode } from "@graft/core";
import { type ErrorDetail, ErrorDetailSchema, GraftErrCode } from "@graft/proto-gen/common";
import { ErrorInfoSchema, RetryInfoSchema } from "@graft/proto-gen/error-details";

interface WireCodes {
  readonly connect: Code;
  readonly graftErr: GraftErrCode;
}

/** Our code → the codes of the wire. */
export const WIRE_CODES: Readonly<Record<GraftErrorCode, WireCodes>> = {
  "invalid-argument": { connect: Code.InvalidArgument, graftErr: GraftErrCode.CLIENT },
  "not-found": { connect: Code.NotFound, graftErr: GraftErrCode.SNAPSHOT_MISSING },
  rejected: { connect: Code.Aborted, graftErr: GraftErrCode.COMMIT_REJECTED },
  diverged: { connect: Code.FailedPrecondition, graftErr: GraftErrCode.CLIENT },
  unauthenticated: { connect: Code.Unauthenticated, graftErr: GraftErrCode.UNAUTHORIZED },
  "permission-denied": { connect: Code.PermissionDenied, graftErr: GraftErrCode.UNAUTHORIZED },
  unavailable: { connect: Code.Unavailable, graftErr: GraftErrCode.SERVICE_UNAVAILABLE },
  "resource-exhausted": { connect: Code.ResourceExhausted, graftErr: GraftErrCode.CLIENT },
  corrupt: { connect: Code.DataLoss, graftErr: GraftErrCode.SERVER },
  io: { connect: Code.Internal, graftErr: GraftErrCode.SERVER },
  busy: { connect: Code.Unavailable, graftErr: GraftErrCode.SERVICE_UNAVAILABLE },
  "busy-snapshot": { connect: Code.FailedPrecondition, graftErr: GraftErrCode.CLIENT },
  internal: { connect: Code.Internal, graftErr: GraftErrCode.SERVER },
};

/** v0.1's code → the HTTP status beside it. */
export const GRAFT_ERR_STATUS: Readonly<Record<GraftErrCode, number>> = {
  [GraftErrCode.UNSPECIFIED]: 500,
  [GraftErrCode.CLIENT]: 400,
  [GraftErrCode.SNAPSHOT_MISSING]: 404,
  [GraftErrCode.COMMIT_REJECTED]: 409,
  [GraftErrCode.UNAUTHORIZED]: 401,
  [GraftErrCode.SERVER]: 500,
  [GraftErrCode.SERVICE_UNAVAILABLE]: 503,
};

/** What a Connect code without our detail means. */
const FROM_CONNECT = {
  [Code.Canceled]: "unavailable",
  [Code.Unknown]: "unavailable",
  [Code.InvalidArgument]: "invalid-argument",
  [Code.DeadlineExceeded]: "unavailable",
  [Code.NotFound]: "not-found",
  [Code.AlreadyExists]: "invalid-argument",
  [Code.PermissionDenied]: "permission-denied",
  [Code.ResourceExhausted]: "resource-exhausted",
  [Code.FailedPrecondition]: "invalid-argument",
  [Code.Aborted]: "unavailable",
  [Code.OutOfRange]: "invalid-argument",
  [Code.Unimplemented]: "invalid-argument",
  [Code.Internal]: "unavailable",
  [Code.Unavailable]: "unavailable",
  [Code.DataLoss]: "corrupt",
  [Code.Unauthenticated]: "unauthenticated",
} as const satisfies Record<Code, GraftErrorCode>;

/** Who gives the reasons of `google.rpc.ErrorInfo` their meaning. */
const ERROR_DOMAIN = "graft";

/** Keys of `GraftError.details` that have fields of their own on the wire. */
const NOTHING_WRITTEN = "nothingWritten";
const RETRY_AFTER_MS = "retryAfterMs";

/** Details for an error that states: no PUT was tried for this request. */
export const nothingWritten: ErrorDetails = { [NOTHING_WRITTEN]: true };

/** True when the server states that nothing was written for this request. */
export function saysNothingWritten(error: GraftError): boolean {
  return error.details[NOTHING_WRITTEN] === true;
}

/** How long the server wants us to wait before repeating, ms. */
export function getRetryAfterMs(error: GraftError): number | undefined {
  const value = error.details[RETRY_AFTER_MS];
  return typeof value === "number" ? value : undefined;
}

/** What a server answers. Anything but a `GraftError` is a bug: its text stays in our log. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (!(error instanceof GraftError)) {
    if (isAbort(error)) return new ConnectError("the call was canceled", Code.Canceled);
    return toConnectError(new GraftError("internal", "internal server error", { cause: error }));
  }
  const { connect } = WIRE_CODES[error.code];
  return new ConnectError(error.message, connect, undefined, toDetails(error), error);
}

/** What a client throws. A `GraftError` stays as it is. */
export function fromConnectError(error: unknown): GraftError {
  if (error instanceof GraftError) return error;
  const connectError = ConnectError.from(error);
  const detail = connectError.findDetails(ErrorDetailSchema)[0];
  if (detail !== undefined && isGraftErrorCode(detail.code)) {
    const options = { details: fromDetail(detail), cause: error };
    return new GraftError(detail.code, connectError.rawMessage, options);
  }
  const code = FROM_CONNECT[connectError.code] ?? "unavailable";
  const message = `${connectError.rawMessage} (${Code[connectError.code]})`;
  return new GraftError(code, message, { cause: error });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError");
}

type OutgoingDetails = NonNullable<ConstructorParameters<typeof ConnectError>[3]>;

/** Our own detail, then the standard ones, for clients that know nothing of us. */
function toDetails(error: GraftError): OutgoingDetails {
  const facts: Record<string, string> = {};
  for (const [key, value] of Object.entries(error.details)) {
    if (key !== NOTHING_WRITTEN && key !== RETRY_AFTER_MS) facts[key] = String(value);
  }
  const { code } = error;
  const detail = { code, facts, nothingWritten: saysNothingWritten(error) };
  const info = { reason: toReason(code), domain: ERROR_DOMAIN, metadata: facts };
  const wanted = getRetryAfterMs(error);
  if (wanted === undefined) {
    return [
      { desc: ErrorDetailSchema, value: detail },
      { desc: ErrorInfoSchema, value: info },
    ];
  }
  const retryAfterMs = Math.max(0, Math.round(wanted));
  return [
    { desc: ErrorDetailSchema, value: { ...detail, retryAfterMs } },
    { desc: ErrorInfoSchema, value: info },
    { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryAfterMs) } },
  ];
}

/** "not-found" → "NOT_FOUND", as the standard wants it. */
function toReason(code: GraftErrorCode): string {
  return code.toUpperCase().replaceAll("-", "_");
}

function fromDetail(detail: ErrorDetail): ErrorDetails {
  return {
    ...detail.facts,
    ...(detail.nothingWritten ? nothingWritten : {}),
    ...(detail.retryAfterMs === undefined ? {} : { [RETRY_AFTER_MS]: detail.retryAfterMs }),
  };
}
