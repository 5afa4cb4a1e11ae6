/**
 * The header that carries a trace from one process to the next (W3C Trace Context):
 *
 *     traceparent: 00-<trace id, 32 hex>-<span id, 16 hex>-<flags, 2 hex; bit 0: sampled>
 */
import { isSpanContextValid, type SpanContext } from "@opentelemetry/api";

export const TRACEPARENT = "traceparent";

const FORMAT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The header's value. */
export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** The caller's span; undefined for what is no such header: the trace then begins here. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, version, traceId = "", spanId = "", flags = "", more] = FORMAT.exec(text ?? "") ?? [];
  // A later version may say more after what is known; this one does not, and ff is none.
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) {
    return undefined;
  }
  const traceFlags = Number.parseInt(flags, 16);
  const span: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
  return isSpanContextValid(span) ? span : undefined;
}
