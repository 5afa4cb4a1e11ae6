// What bytes of ours say, for tests that hand it bytes of strangers.
export type { ByteSource } from "./inspect/byte-source.ts";
export type { Inspection } from "./inspect/facts.ts";
export { type InspectRequest, inspectSource } from "./inspect/inspect-source.ts";
// Both services in one process, on one port.
export { type AllInOneOptions, serveAllInOne } from "./server/all-in-one.ts";
export type { Listening, RunningRole, ServerMeans } from "./server/run-server.ts";
