/** `openDatabase`, bound to Node's disks, clock, entropy and network. */
export type { OpenDatabaseOptions } from "../open-database.ts";
export { openDatabase } from "./open-database.ts";
