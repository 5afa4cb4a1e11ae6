import { context, ROOT_CONTEXT, type Span, SpanKind, type Tracer, trace } from "@opentelemetry/api";
import type { CallMetrics } from "../interceptors/metrics.ts";
import { endSpan } from "../tracing/end-span.ts";
import { parseTraceparent, TRACEPARENT } from "../tracing/trace-context.ts";
import { type NodeHandler, pathOf } from "./node-handler.ts";

const ENDED_EARLY = "the caller has left, or the connection was lost";

/** What a server does for its traces. */
export interface HandlerTracing {
  /** Makes a span of each request that is traced; it goes on where its caller says it began. */
  wrap(handler: NodeHandler): NodeHandler;
  /** Tells the span of a call how it ended. */
  observe(metrics: CallMetrics): CallMetrics;
}

/**
 * Follows calls of all protocols alike, from their first byte to the end of their answer.
 *
 * @param isTraced whether requests of a path are: not those that last as long as their caller
 */
export function traceCalls(tracer: Tracer, isTraced: (path: string) => boolean): HandlerTracing {
  return {
    wrap(handler) {
      return (request, response) => {
        const path = pathOf(request);
        if (!isTraced(path)) return handler(request, response);
        const header = request.headers[TRACEPARENT];
        const caller = parseTraceparent(typeof header === "string" ? header : undefined);
        const outside =
          caller === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, caller);
        const name = path.slice(1);
        const attributes = { "rpc.method": name };
        const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, outside);
        response.once("close", () => {
          endSpan(span, response.writableFinished ? undefined : ENDED_EARLY);
        });
        context.with(trace.setSpan(outside, span), () => handler(request, response));
      };
    },
    observe: (metrics) => ({
      start(rpc) {
        const span = trace.getActiveSpan();
        const call = metrics.start(rpc);
        return {
          end(code) {
            call.end(code);
            tellCode(span, code);
          },
        };
      },
    }),
  };
}

function tellCode(span: Span | undefined, code: string): void {
  if (span === undefined) return;
  span.setAttribute("rpc.response.status_code", code);
  if (code !== "ok") span.setAttribute("error.type", code);
}
