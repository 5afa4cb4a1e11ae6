import { type Span, SpanStatusCode } from "@opentelemetry/api";

/** Ends a span, with the error if there was one. Its message is told, its stack is not. */
export function endSpan(span: Span, error?: unknown): void {
  if (error !== undefined) {
    const message = error instanceof Error ? error.message : String(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  span.end();
}
