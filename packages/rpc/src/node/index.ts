// The one-port server.

export type { CallerLimits } from "./caller-limits.ts";
export {
  type Certificate,
  type CertificateSource,
  certificateFiles,
} from "./certificate-files.ts";
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
export type { EdgeOptions } from "./edge.ts";
export { parseEdgeConfig } from "./edge-config.ts";
export { DrainableHealth, type HealthState, registerHealth } from "./health.ts";
export { IN_FLIGHT_DEFAULT, type InFlightLimits } from "./in-flight.ts";
export { type RunningServer, type ServerOptions, startServer } from "./server.ts";
export type { WireStats } from "./wire-counter.ts";
