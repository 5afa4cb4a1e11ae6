import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock } from "@graft/core";
import type { MetricsRegistry, Sample } from "../metrics.ts";

/**
 * How often the loop is looked at, ms: a native timer, so that it costs an idle process nothing.
 */
const RESOLUTION_MS = 5;
/** What is told is of the last one to two of these, ms. */
const WINDOW_MS = 60_000;
const NS_PER_SECOND = 1e9;

/** Ends what `registerEventLoopMetrics` began. */
export type StopWatching = () => void;

/**
 * `graft_event_loop_stall_seconds{percentile}`: for how long the process heard nothing, in the
 * last one to two minutes. `percentile="100"` is the longest; servers of ours keep it below 20 ms,
 * unless the machine itself gives them no time. Registered once a process: a second server of the
 * same registry takes its place.
 */
export function registerEventLoopMetrics(metrics: MetricsRegistry, clock: Clock): StopWatching {
  let current = startWindow(clock);
  let previous: Window | undefined;
  metrics.callback(
    "gauge",
    "graft_event_loop_stall_seconds",
    "How long the event loop heard nothing, of the last one to two minutes.",
    () => {
      const samples = stallsOf(previous === undefined ? [current] : [previous, current]);
      if (clock.monotonicMs() - current.startMs >= WINDOW_MS) {
        previous?.delays.disable();
        previous = current;
        previous.delays.disable();
        current = startWindow(clock);
      }
      return samples;
    },
  );
  return () => current.delays.disable();
}

interface Window {
  readonly delays: ReturnType<typeof monitorEventLoopDelay>;
  readonly startMs: number;
}

function startWindow(clock: Clock): Window {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return { delays, startMs: clock.monotonicMs() };
}

/** The greatest of the windows for each quantile: a little too much rather than too little. */
function stallsOf(windows: readonly Window[]): readonly Sample[] {
  return [50, 99, 100].map((percentile) => {
    const seconds = windows.map(({ delays }) => {
      if (delays.count === 0) return 0;
      const ns = percentile === 100 ? delays.max : delays.percentile(percentile);
      // What is measured is from one look to the next.
      return Math.max(0, ns / NS_PER_SECOND - RESOLUTION_MS / 1000);
    });
    return { labels: { percentile: String(percentile) }, value: Math.max(...seconds) };
  });
}
