import type { Slots } from "./slots.ts";

/** What clients do with a volume, one action at a time; a simulation decides when and what else. */
export interface Workload {
  /** Makes the volume and opens every replica on it. */
  start(): Promise<void>;
  /** Begins one action of one replica, drawn by chance. */
  act(): void;
  /** Kills one replica and starts it again, some time later. */
  crash(): void;
  /** The actions on their way. */
  readonly slots: Slots;
  /** After the faults: all come to rest on the head, and agree with each other and the model. */
  finish(): Promise<void>;
}
