/** A network in memory. */
export { createInMemoryTransport, type InMemoryTransportOptions } from "./in-memory-transport.ts";
/** What `/metrics` answers, read strictly. */
export {
  type ExposedSample,
  type MetricFamily,
  type MetricType,
  parseExposition,
} from "./parse-exposition.ts";
