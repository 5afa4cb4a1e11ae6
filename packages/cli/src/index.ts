// Both services in one process, on one port.
export { type AllInOneOptions, serveAllInOne } from "./server/all-in-one.ts";
export type { Listening, RunningRole, ServerMeans } from "./server/run-server.ts";
