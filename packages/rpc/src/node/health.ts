import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@graft/proto-gen/health";

/** Streams of `Watch` open at once on a server: they ask for no token. */
const WATCH_COUNT_MAX = 1000;

/** What `grpc.health.v1` and `/healthz` say. */
export interface HealthState {
  isServing(): boolean;
  /** Resolves when the answer of `isServing` has changed; rejects with the signal's reason. */
  changed(signal: AbortSignal): Promise<void>;
}

/** A server that serves until it is told to drain, and never again after that. */
export class DrainableHealth implements HealthState {
  readonly #draining = new AbortController();

  isServing(): boolean {
    return !this.#draining.signal.aborted;
  }

  /** From now on: not serving. */
  drain(): void {
    this.#draining.abort();
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const either = AbortSignal.any([signal, this.#draining.signal]);
      const settle = () => (this.#draining.signal.aborted ? resolve() : reject(signal.reason));
      if (either.aborted) return settle();
      either.addEventListener("abort", settle, { once: true });
    });
  }
}

/**
 * Registers `grpc.health.v1.Health`. Every service that is registered on the router has one
 * status. Streams of `Watch` beyond 1,000 are refused as `resource_exhausted`.
 */
export function registerHealth(router: ConnectRouter, health: HealthState): void {
  const isKnown = (service: string): boolean =>
    service === "" || router.handlers.some((handler) => handler.service.typeName === service);
  const statusNow = () => (health.isServing() ? Status.SERVING : Status.NOT_SERVING);
  const watching = new Set<AbortSignal>();
  router.service(Health, {
    check({ service }) {
      if (!isKnown(service)) {
        throw new ConnectError(`unknown service "${service}"`, Code.NotFound);
      }
      return { status: statusNow() };
    },
    async *watch({ service }, { signal }) {
      if (!isKnown(service)) {
        yield { status: Status.SERVICE_UNKNOWN };
        return;
      }
      signal.throwIfAborted();
      if (watching.size === WATCH_COUNT_MAX) {
        const message = `${WATCH_COUNT_MAX} streams watch this server's health already: ask Check`;
        throw new ConnectError(message, Code.ResourceExhausted);
      }
      watching.add(signal);
      // Who leaves before it has read anything never lets us come to the end.
      signal.addEventListener("abort", () => watching.delete(signal), { once: true });
      try {
        yield { status: statusNow() };
        if (!health.isServing()) return;
        await health.changed(signal);
        yield { status: statusNow() };
      } finally {
        watching.delete(signal);
      }
    },
  });
}
