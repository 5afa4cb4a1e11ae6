import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { ErrorDetailSchema } from "./gen/graft/common/v1/common_pb.js";

/** The status, and what its rich details say. */
export function describe(error) {
  const failed = ConnectError.from(error);
  const [ours] = failed.findDetails(ErrorDetailSchema);
  const [standard] = failed.findDetails(ErrorInfoSchema);
  return {
    code: Code[failed.code].replace(/\B[A-Z]/g, "_$&").toLowerCase(),
    detail: ours?.code,
    reason: standard?.reason,
  };
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
