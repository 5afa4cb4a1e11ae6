import type { Clock } from "@graft/core";
import type { Output } from "../output.ts";
import type { DemoCast, ServerPair } from "./demo-cast.ts";
import type { DemoSubject } from "./demo-subject.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import type { StockDatabase } from "./stock-database.ts";

/** What all acts of the demo share. */
export interface DemoStage {
  readonly cast: DemoCast;
  /** The database as it was given; nobody writes to it. */
  readonly file: string;
  /**
   * Stock SQLite on a copy of it: answers to compare with. It gets the writes of the demo as well.
   */
  readonly stock: StockDatabase;
  readonly subject: DemoSubject;
  readonly output: Output;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The volume, once it is imported, and who has a replica of it. */
export interface ImportedDemo {
  readonly servers: ServerPair;
  readonly volume: string;
  readonly first: ReplicaProcess;
}
