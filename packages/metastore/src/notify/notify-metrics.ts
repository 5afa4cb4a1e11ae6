import type { MetricsRegistry } from "@graft/rpc";
import type { HintNotifier } from "./hint-notifier.ts";

/** `graft_notify_*`: whether hints come through, and what came of them. */
export function registerNotifyMetrics(metrics: MetricsRegistry, notifier: HintNotifier): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.callback("gauge", name, help, () => [{ labels: {}, value: read() }]);
  gauge("graft_notify_hearing", "1 while hints of all known nodes come through.", () =>
    notifier.isHearing ? 1 : 0,
  );
  gauge("graft_notify_peers", "Other nodes that are heard of.", () => notifier.peerCount);
  const hints = "Hints by what became of them: sent, received, untrue (no such commit).";
  metrics.callback("counter", "graft_notify_hints_total", hints, () => {
    const { sent, received, untrue } = notifier.counts;
    return Object.entries({ sent, received, untrue }).map(([kind, value]) => ({
      labels: { kind },
      value,
    }));
  });
  const looks = "How often all watched volumes were looked at, as hints were or may be missed.";
  metrics.callback("counter", "graft_notify_looks_total", looks, () => [
    { labels: {}, value: notifier.counts.looks },
  ]);
}
