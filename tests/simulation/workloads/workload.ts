/** What clients do with a volume, one action at a time; a simulation decides when and what else. */
export interface Workload {
  /** Makes the volume and opens every replica on it. */
  start(): Promise<void>;
  /** Begins one action of one replica, drawn by chance. */
  act(): void;
  /** Kills one replica and starts it again, some time later. */
  crash(): void;
  /** How many actions are on their way. */
  readonly busyCount: number;
  /** Who is busy with what. */
  readonly busyNames: readonly string[];
  /** After the faults: all come to rest on the head, and agree with each other and the model. */
  finish(): Promise<void>;
}
