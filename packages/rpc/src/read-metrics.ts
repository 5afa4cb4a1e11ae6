import type { Counter, Labels, MetricsRegistry } from "./metrics.ts";

/** Where something was found, nearest first. */
export type ReadTier = "memory" | "disk" | "object_store" | "metastore";

/** Says where each thing of one kind was found. */
export type ReadTally = (tier: ReadTier) => void;

/**
 * `graft_reads_total{what,tier}`: what a server needed, by where it found it. What many wait for
 * together is counted once, unless it is in memory. The share of `memory` is the hit rate.
 *
 * @param what "frame", "commit", "footer"
 */
export function createReadTally(registry: MetricsRegistry, what: string): ReadTally {
  const help = "What was needed, by where it was found.";
  const counter: Counter = registry.counter("graft_reads_total", help);
  // One object each: its text is then made once.
  const labels: Readonly<Record<ReadTier, Labels>> = {
    memory: { what, tier: "memory" },
    disk: { what, tier: "disk" },
    object_store: { what, tier: "object_store" },
    metastore: { what, tier: "metastore" },
  };
  return (tier) => counter.add(labels[tier]);
}
