import type { Interceptor } from "@connectrpc/connect";
import { context, SpanKind, type Tracer, trace } from "@opentelemetry/api";
import { endSpan } from "../tracing/end-span.ts";
import { formatTraceparent, TRACEPARENT } from "../tracing/trace-context.ts";
import { codeName } from "./metrics.ts";
import { observeCall, rpcName } from "./observe-call.ts";

/**
 * Client: each call is a span inside whatever span it was made in, and its server is told of it. A
 * stream lasts until it is read to its end.
 */
export function traceInterceptor(tracer: Tracer): Interceptor {
  return (next) => (request) => {
    const name = rpcName(request);
    const attributes = { "rpc.system.name": "connectrpc", "rpc.method": name };
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes });
    request.header.set(TRACEPARENT, formatTraceparent(span.spanContext()));
    const onEnd = (error: unknown): void => {
      span.setAttribute("rpc.response.status_code", codeName(error));
      endSpan(span, error);
    };
    const inside = trace.setSpan(context.active(), span);
    return context.with(inside, () => observeCall(next, request, { onEnd }));
  };
}
