import type { ClientProcess } from "./client-process.ts";
import type { Crew } from "./crew.ts";

/** What clients do with a volume, one action at a time; a simulation decides when and what else. */
export interface Workload {
  readonly crew: Crew<ClientProcess<unknown>>;
  /** Makes the volume and opens every replica on it. */
  start(): Promise<void>;
  /** Begins one action of one process, drawn by chance. */
  act(): void;
  /** Kills somebody and starts it again, some time later. */
  crash(): void;
  /** After the faults: all come to rest on the head, and agree with each other and the model. */
  finish(): Promise<void>;
}
