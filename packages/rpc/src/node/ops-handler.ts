import { METRICS_CONTENT_TYPE, type MetricsRegistry } from "../metrics.ts";
import type { HealthState } from "./health.ts";
import { answer, answerEmpty, type NodeHandler, pathOf } from "./node-handler.ts";

const TEXT = "text/plain; charset=utf-8";

/** `/healthz`, `/health` (as v0.1 answers it) and `/metrics`; everything else goes on to `next`. */
export function createOpsHandler(options: {
  readonly health: HealthState;
  readonly metrics: MetricsRegistry;
  readonly next: NodeHandler;
}): NodeHandler {
  const { health, metrics, next } = options;
  return (request, response) => {
    const path = pathOf(request);
    if (path !== "/healthz" && path !== "/health" && path !== "/metrics") {
      return next(request, response);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return answerEmpty(response, 405, { allow: "GET, HEAD" });
    }
    if (path === "/metrics") return answer(response, 200, METRICS_CONTENT_TYPE, metrics.render());
    if (health.isServing())
      return answer(response, 200, TEXT, path === "/health" ? "OK\n" : "ok\n");
    answer(response, 503, TEXT, "draining\n");
  };
}
