import type { MetricsRegistry, Sample } from "./metrics.ts";

/** What takes turns: how many have theirs, and how many wait for it. */
export interface Queue {
  readonly activeCount: number;
  readonly waitingCount: number;
}

const QUEUES = new WeakMap<MetricsRegistry, Map<string, () => Queue>>();

/**
 * `graft_queue_active{queue}` and `graft_queue_waiting{queue}`, read when somebody looks. A name
 * that is registered again takes the place of the first.
 */
export function registerQueue(registry: MetricsRegistry, name: string, read: () => Queue): void {
  const known = QUEUES.get(registry);
  if (known !== undefined) {
    known.set(name, read);
    return;
  }
  const queues = new Map([[name, read]]);
  QUEUES.set(registry, queues);
  const each = (pick: (queue: Queue) => number): readonly Sample[] =>
    [...queues].map(([queue, look]) => ({ labels: { queue }, value: pick(look()) }));
  registry.callback("gauge", "graft_queue_active", "What has its turn, by queue.", () =>
    each(({ activeCount }) => activeCount),
  );
  registry.callback("gauge", "graft_queue_waiting", "What waits for its turn, by queue.", () =>
    each(({ waitingCount }) => waitingCount),
  );
}
