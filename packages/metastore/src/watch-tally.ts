import type { Clock } from "@graft/core";
import type { Counter, Histogram, Labels, MetricsRegistry, WatchEvent } from "@graft/rpc";

const LABELS: Readonly<Record<WatchEvent["kind"], Labels>> = {
  news: { kind: "news" },
  resync: { kind: "resync" },
  heartbeat: { kind: "heartbeat" },
  end: { kind: "end" },
};
const NONE: Labels = {};

/**
 * `graft_watch_events_total{kind}`: what watchers were told; `resync`: that what they hold is not
 * this volume's history. `graft_watch_lag_seconds`: from when a volume moved, as this node knows,
 * to when a stream took the news, so how slow readers are.
 */
export class WatchTally {
  readonly #events: Counter;
  readonly #lag: Histogram;
  readonly #clock: Clock;

  constructor(metrics: MetricsRegistry, clock: Clock) {
    this.#events = metrics.counter("graft_watch_events_total", "Events of Watch streams.");
    const help = "Time from when a volume moved to when a stream took the news.";
    this.#lag = metrics.histogram("graft_watch_lag_seconds", help);
    this.#clock = clock;
  }

  /** @param movedMs when the volume of the event moved, monotonic ms */
  told(event: WatchEvent, movedMs?: number): void {
    this.#events.add(LABELS[event.kind]);
    if (movedMs === undefined) return;
    this.#lag.observe(NONE, (this.#clock.monotonicMs() - movedMs) / 1000);
  }
}
