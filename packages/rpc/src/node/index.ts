// The one-port server.

// The client's connection.
export {
  createNodeTransport,
  type NodeTransport,
  type NodeTransportOptions,
} from "./client-transport.ts";
// Compression on the wire.
export {
  brotliCompression,
  type Compression,
  type CompressionName,
  gzipCompression,
  zstdCompression,
} from "./compression.ts";
export { DrainableHealth, type HealthState, registerHealth } from "./health.ts";
export { IN_FLIGHT_DEFAULT, type InFlightLimits } from "./in-flight.ts";
export { type RunningServer, type ServerOptions, startServer } from "./server.ts";
export type { WireStats } from "./wire-counter.ts";
