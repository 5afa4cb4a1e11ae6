import type { Volume } from "@graft/client";
import type { RemoteTraffic } from "@graft/client/node";
import type { Clock } from "@graft/core";
import type { Database } from "@graft/sqlite";
import type { Mode } from "./row-format.ts";

/** What the lines of a shell work on, and how it prints. */
export interface ShellSession {
  readonly database: Database;
  readonly volume: Volume;
  readonly tag: string;
  readonly clock: Clock;
  traffic(): RemoteTraffic;
  /** Results. */
  readonly write: (text: string) => void;
  /** Everything else, a line. */
  readonly note: (line: string) => void;
  mode: Mode;
  isTiming: boolean;
}
