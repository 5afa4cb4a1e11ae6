/** A network in memory. */
export { createInMemoryTransport, type InMemoryTransportOptions } from "./in-memory-transport.ts";
