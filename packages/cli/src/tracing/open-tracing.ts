import { GraftError } from "@graft/core";
import { BUILD_VERSION } from "@graft/rpc";
import { context, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";

/** Where the collector takes traces, below its URL. */
const PATH = "/v1/traces";
/** How long a collector may take for a batch, all tries together: a program waits for its last. */
const EXPORT_TIMEOUT_MS = 2000;

export interface TracingOptions {
  /** The collector's: "http://127.0.0.1:4318". */
  readonly url: string;
  /** What the program is called in traces: "graft serve". */
  readonly service: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Spans of this process, sent to a collector in batches. Disposing it sends what is left. */
export interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
  /** Runs work as a span, to which all that it does belongs. */
  within(name: string, work: () => Promise<void>): Promise<void>;
}

/**
 * Sends spans over OTLP/HTTP as JSON, and keeps with each asynchronous step the span it belongs to.
 * A collector that is away is no failure: its spans are dropped.
 *
 * `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER_ARG` (a share of all traces, 0 … 1; default 1) and
 * `OTEL_EXPORTER_OTLP_HEADERS` are honoured. Loaded only when it is asked for.
 *
 * @throws GraftError `invalid-argument`: not a URL, or no share
 */
export function openTracing(options: TracingOptions): Tracing {
  const { environment } = options;
  const exporter = new OTLPTraceExporter({
    url: tracesUrl(options.url),
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": environment.OTEL_SERVICE_NAME ?? options.service,
      "service.version": BUILD_VERSION,
      "process.pid": process.pid,
    }),
    sampler: new ParentBasedSampler({
      root: new TraceIdRatioBasedSampler(parseShare(environment.OTEL_TRACES_SAMPLER_ARG ?? "1")),
    }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  const tracer = provider.getTracer("graft", BUILD_VERSION);
  return {
    tracer,
    within: (name, work) =>
      tracer.startActiveSpan(name, async (span) => {
        try {
          await work();
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR });
          throw error;
        } finally {
          span.end();
        }
      }),
    [Symbol.asyncDispose]: async () => {
      await provider.shutdown().catch(() => undefined);
      context.disable();
      manager.disable();
    },
  };
}

function tracesUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    const expected = "expected http://host:port or https://host:port";
    throw new GraftError("invalid-argument", `"${text}" is no URL of a collector: ${expected}`);
  }
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith(PATH) ? path : `${path}${PATH}`;
  return url.href;
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() !== "" && share >= 0 && share <= 1) return share;
  const expected = "expected a share of traces, 0 … 1";
  throw new GraftError("invalid-argument", `OTEL_TRACES_SAMPLER_ARG is "${text}": ${expected}`);
}
