import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { ErrorDetailSchema } from "./gen/graft/common/v1/common_pb.js";

/** The status, and what its rich details say. */
export function describe(error) {
  const failed = ConnectError.from(error);
  const [ours] = failed.findDetails(ErrorDetailSchema);
  const [standard] = failed.findDetails(ErrorInfoSchema);
  const [retry] = failed.findDetails(RetryInfoSchema);
  return {
    code: Code[failed.code].replace(/\B[A-Z]/g, "_$&").toLowerCase(),
    detail: ours?.code,
    reason: standard?.reason,
    retryAfterMs: retry && milliseconds(retry.retryDelay),
  };
}

function milliseconds({ seconds, nanos }) {
  return Number(seconds) * 1000 + nanos / 1e6;
}

/** The error of a call that must fail. */
export async function failure(call) {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("expected an error, got an answer");
}
