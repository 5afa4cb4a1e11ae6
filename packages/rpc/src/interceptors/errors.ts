import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { GraftError } from "@graft/core";
import { toConnectError } from "../error-mapping.ts";
import type { Log } from "../log.ts";
import { observeCall, rpcName } from "./observe-call.ts";

/**
 * Server: what a handler throws becomes a Connect error with our detail. Bugs are logged, not
 * told.
 */
export function errorsInterceptor(log: Log): Interceptor {
  return (next) => (request) =>
    observeCall(next, request, {
      onEnd: () => undefined,
      mapError: (error) => {
        const mapped = toConnectError(error);
        if (isBug(error, mapped)) log.error({ rpc: rpcName(request), err: error }, "rpc failed");
        return mapped;
      },
    });
}

/** Neither an answer of ours nor a call that its caller gave up. */
function isBug(error: unknown, mapped: ConnectError): boolean {
  if (error instanceof GraftError) return error.code === "internal";
  return !(error instanceof ConnectError) && mapped.code !== Code.Canceled;
}
