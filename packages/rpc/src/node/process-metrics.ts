import { cpuUsage, memoryUsage, uptime } from "node:process";
import type { Clock } from "@graft/core";
import type { MetricsRegistry } from "../metrics.ts";

const US_PER_SECOND = 1e6;

/**
 * What Prometheus expects of every process, under the names that it has for it: processor time,
 * resident memory, start; and what Node keeps on its heap and beside it.
 */
export function registerProcessMetrics(metrics: MetricsRegistry, clock: Clock): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.callback("gauge", name, help, () => [{ labels: {}, value: read() }]);
  metrics.callback("counter", "process_cpu_seconds_total", "Processor time taken.", () => {
    const { user, system } = cpuUsage();
    return [{ labels: {}, value: (user + system) / US_PER_SECOND }];
  });
  const startSeconds = clock.nowMs() / 1000 - uptime();
  gauge("process_start_time_seconds", "Start of the process, since 1970.", () => startSeconds);
  gauge("process_resident_memory_bytes", "Resident memory.", () => memoryUsage.rss());
  gauge("nodejs_heap_size_total_bytes", "JavaScript heap.", () => memoryUsage().heapTotal);
  gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use.", () => memoryUsage().heapUsed);
  gauge("nodejs_external_memory_bytes", "Memory of buffers, beside the heap.", () => {
    return memoryUsage().external;
  });
}
