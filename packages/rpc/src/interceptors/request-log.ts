import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Clock } from "@graft/core";
import type { Log } from "../log.ts";
import { observeCall, rpcName } from "./observe-call.ts";

/**
 * One line a call: debug when it went well, info when the answer was an error. Never message
 * contents.
 */
export function requestLogInterceptor(log: Log, clock: Clock): Interceptor {
  return (next) => (request) => {
    const startMs = clock.monotonicMs();
    return observeCall(next, request, {
      onEnd: (error) => {
        const facts = { rpc: rpcName(request), ms: Math.round(clock.monotonicMs() - startMs) };
        if (error === undefined) log.debug(facts, "rpc");
        else log.info({ ...facts, ...describe(error) }, "rpc answered an error");
      },
    });
  };
}

function describe(error: unknown): Record<string, string> {
  if (!(error instanceof ConnectError)) return { error: String(error) };
  return { code: Code[error.code], error: error.rawMessage };
}
