import type { Counter, Labels, MetricsRegistry } from "./metrics.ts";

/** A request to an object store that has ended. */
export interface EndedRequest {
  readonly operation: string;
  /** Of the object; of a listing its prefix. */
  readonly key: string;
  /** "ok", "missing" and "exists" are answers; anything else is a failure. */
  readonly outcome: string;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly durationMs: number;
}

/** What tells of every request, retries included. */
export interface RequestSource {
  listen(listener: (request: EndedRequest) => void): unknown;
}

/** What is counted of one operation on one kind of object. Its labels are written once. */
interface KindLabels {
  readonly of: Labels;
  readonly sent: Labels;
  readonly received: Labels;
}

const PREFIX = "graft_object_store";
const ANSWERS: ReadonlySet<string> = new Set(["ok", "missing", "exists"]);

/**
 * `graft_object_store_requests_total{operation,kind}` counts every request from now on; with it
 * `…_failures_total{operation,kind}`, `…_bytes_total{operation,kind,direction}` and
 * `…_seconds{operation}`.
 *
 * @param kindOf what a key names, as one of a few words: it becomes a label
 */
export function registerObjectStoreMetrics(
  registry: MetricsRegistry,
  source: RequestSource,
  kindOf: (key: string) => string,
): void {
  const counter = (name: string, help: string): Counter =>
    registry.counter(`${PREFIX}_${name}_total`, help);
  const requests = counter("requests", "Requests to the object store, retries included.");
  const failures = counter("failures", "Requests to the object store that ended in an error.");
  const bytes = counter("bytes", "Object bytes moved.");
  const seconds = registry.histogram(`${PREFIX}_seconds`, "Time from request to end of answer.");
  const labels = new Map<string, KindLabels>();
  const operations = new Map<string, Labels>();
  source.listen((request) => {
    const { operation, durationMs, sentBytes, receivedBytes } = request;
    const { of, sent, received } = labelsOf(labels, operation, kindOf(request.key));
    requests.add(of);
    if (!ANSWERS.has(request.outcome)) failures.add(of);
    if (sentBytes > 0) bytes.add(sent, sentBytes);
    if (receivedBytes > 0) bytes.add(received, receivedBytes);
    const ofOperation = operations.get(operation) ?? { operation };
    operations.set(operation, ofOperation);
    seconds.observe(ofOperation, durationMs / 1000);
  });
}

function labelsOf(known: Map<string, KindLabels>, operation: string, kind: string): KindLabels {
  const key = `${operation} ${kind}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const of = { operation, kind };
  const made = {
    of,
    sent: { ...of, direction: "sent" },
    received: { ...of, direction: "received" },
  };
  known.set(key, made);
  return made;
}
