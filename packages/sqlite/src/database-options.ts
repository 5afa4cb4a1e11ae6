import type { Volume } from "@graft/client";
import type { Clock, Random } from "@graft/core";
import type { Engine, MissStrategyKind } from "@graft/sqlite-engine";
import type { Tracer } from "@opentelemetry/api";
import type { ConflictPolicy } from "./conflict/conflict-policy.ts";
import type { SaveMeans } from "./conflict/save-work.ts";
import type { InstanceSlots } from "./connection/instance-slots.ts";
import { SpillArea } from "./file/spill-area.ts";

/** What went over the wire. */
export interface Traffic {
  readonly requests: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface DatabaseOptions {
  readonly volume: Volume;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Journals and temporary files. Default: 16 MiB in memory, then under `save.directory`, if any.
   */
  readonly spill?: SpillArea;
  /** Files: where `reset` saves local work, and how `exportTo` writes. */
  readonly save?: SaveMeans;
  /** Counts requests and bytes, for `traffic()`. */
  readonly traffic?: () => Traffic;
  /** Connections that read at the same time. Default 8. */
  readonly readersMax?: number;
  /** A connection that nobody used for so long is closed. Default 10 s. */
  readonly idleMs?: number;
  readonly busyTimeoutMs?: number;
  /** Instances that databases share. Default: those of the engine, at most 32. */
  readonly instances?: InstanceSlots;
  /** Most memory for one connection's SQLite. Default 2 GiB. */
  readonly heapMaxBytes?: number;
  /** Chosen by what the runtime can do, unless given. */
  readonly missStrategy?: MissStrategyKind;
  /** What is done when another client committed on our base. Default "stop". */
  readonly onConflict?: ConflictPolicy;
  /**
   * Whether statements that write are kept beside their commits, with their values, so that they
   * can be run again after a restart. Default: with `onConflict: "rebase"`.
   */
  readonly recordStatements?: boolean;
  /**
   * Makes a span of each statement (its text is in it, values are not), transaction, push and pull.
   * Default: nothing is traced, and nothing is spent on it.
   */
  readonly tracer?: Tracer;
  /** Called by `close`, after the connections are closed. */
  readonly onClose?: () => Promise<void>;
}

/** Where journals and temporary files go. */
export function createSpillArea({ spill, save, random }: DatabaseOptions): SpillArea {
  if (spill !== undefined) return spill;
  if (save === undefined) return new SpillArea();
  const { fileSystem, directory } = save;
  return new SpillArea({ disk: { fileSystem, directory: `${directory}/tmp`, random } });
}
