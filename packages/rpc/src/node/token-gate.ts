import type { HandlerContext } from "@connectrpc/connect";
import { GraftError } from "@graft/core";
import { nothingWritten, toConnectError } from "../error-mapping.ts";
import { type Authenticate, parseBearerToken } from "../interceptors/auth.ts";
import { type CallMetrics, codeName } from "../interceptors/metrics.ts";
import type { Log } from "../log.ts";

/** What of a call is known before its body is read. */
type Call = Pick<HandlerContext, "requestHeader" | "service" | "method">;

export interface TokenGateOptions {
  readonly authenticate: Authenticate;
  /** Whether calls to a path need a token. */
  readonly isService: (path: string) => boolean;
  readonly callMetrics: CallMetrics;
  readonly log: Log;
}

/** For the adapter: ends a call whose token is not valid before its body is read. */
export function createTokenGate(options: TokenGateOptions): (call: Call) => Promise<void> {
  return async ({ requestHeader, service, method }) => {
    const rpc = `${service.typeName}/${method.name}`;
    if (!options.isService(`/${rpc}`)) return;
    try {
      await options.authenticate(parseBearerToken(requestHeader.get("authorization")));
    } catch (error) {
      const refusal = toConnectError(asUntried(error));
      // The interceptors, which count and log, come after the gate.
      options.callMetrics.start(rpc).end(codeName(refusal));
      options.log.info({ rpc, error: refusal.rawMessage }, "rpc answered an error");
      throw refusal;
    }
  };
}

/** The same refusal, with the statement that nothing was done. */
function asUntried(error: unknown): unknown {
  if (!(error instanceof GraftError)) return error;
  const details = { ...error.details, ...nothingWritten };
  return new GraftError(error.code, error.message, { details, cause: error });
}
