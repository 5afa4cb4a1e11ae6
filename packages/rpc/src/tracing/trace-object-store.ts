import type { Clock } from "@graft/core";
import { context, type HrTime, SpanKind, type Tracer, trace } from "@opentelemetry/api";
import type { RequestSource } from "../object-store-metrics.ts";
import { endSpan } from "./end-span.ts";

const ANSWERS: ReadonlySet<string> = new Set(["ok", "missing", "exists"]);

/**
 * Makes a span of each request to an object store that is sent while something is traced. It is
 * made when the request has ended, in the context in which it was sent.
 */
export function traceObjectStore(source: RequestSource, tracer: Tracer, clock: Clock): void {
  source.listen((request) => {
    const inside = context.active();
    if (trace.getSpan(inside) === undefined) return;
    const { operation, key, outcome, durationMs } = request;
    const endMs = clock.nowMs();
    const span = tracer.startSpan(
      `object store ${operation}`,
      {
        kind: SpanKind.CLIENT,
        startTime: toHrTime(endMs - durationMs),
        attributes: {
          "graft.store.operation": operation,
          "graft.store.key": key,
          "graft.store.outcome": outcome,
          "graft.store.sent_bytes": request.sentBytes,
          "graft.store.received_bytes": request.receivedBytes,
        },
      },
      inside,
    );
    if (ANSWERS.has(outcome)) span.end(toHrTime(endMs));
    else endSpan(span, outcome);
  });
}

function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
