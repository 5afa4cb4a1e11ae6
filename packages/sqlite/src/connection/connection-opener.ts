import type { CommitNote, Volume } from "@graft/client";
import type { Clock, Random } from "@graft/core";
import type { Engine, MissStrategyKind, PragmaAnswer } from "@graft/sqlite-engine";
import type { SpillArea } from "../file/spill-area.ts";
import type { VolumeFile } from "../file/volume-file.ts";
import { GraftVfs } from "../graft-vfs.ts";
import { TransactionRecorder } from "../replay/transaction-recorder.ts";
import { Connection } from "./connection.ts";
import type { ConnectionRole } from "./connection-pool.ts";
import { type InstanceSlots, instanceSlotsOf } from "./instance-slots.ts";

/** The main database file of every connection. */
const MAIN_NAME = "main.db";
const SEVERAL_DATABASES = "it wrote to several databases";

export interface ConnectionOpenerMeans {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly spill: SpillArea;
  readonly instances?: InstanceSlots;
  readonly heapMaxBytes?: number;
  readonly missStrategy?: MissStrategyKind;
  /** Whether statements that write are written down beside their commits. */
  readonly recordStatements?: boolean;
  /** Other volumes, by the name they are attached as. */
  readonly attached: ReadonlyMap<string, Volume>;
  readonly pragma: (file: VolumeFile, name: string, value: string | undefined) => PragmaAnswer;
}

/** Opens the connections of a database: for its pool, and to run transactions again. */
export class ConnectionOpener {
  readonly #means: ConnectionOpenerMeans;

  constructor(means: ConnectionOpenerMeans) {
    this.#means = means;
  }

  /** Waits for an instance until the signal is aborted. */
  async open(
    role: ConnectionRole | "replayer",
    volume: Volume,
    signal: AbortSignal,
  ): Promise<Connection> {
    const { engine, clock, random, heapMaxBytes, missStrategy } = this.#means;
    // What is run again is written down again, whoever does it: it may have to be once more.
    const records = this.#means.recordStatements === true || role === "replayer";
    const recorder =
      role === "reader" ? undefined : new TransactionRecorder(clock, random, records);
    const vfs = new GraftVfs({
      name: `volume ${volume.volumeId}`,
      volumeOf: (name) => (name === MAIN_NAME ? volume : this.#attachedAs(name)),
      spill: this.#means.spill,
      pragma: this.#means.pragma,
      ...(recorder !== undefined && {
        noteOf: (file, isAlone) =>
          file.volume === volume ? noteOfMain(recorder, isAlone) : undefined,
      }),
    });
    const slots = this.#means.instances ?? instanceSlotsOf(engine);
    const slot = await slots.take(clock, signal);
    try {
      return await Connection.open({
        engine,
        vfs,
        slot,
        filename: MAIN_NAME,
        pageSize: volume.pageSize,
        clock,
        random,
        ...(recorder !== undefined && { recorder }),
        ...(heapMaxBytes !== undefined && { heapMaxBytes }),
        ...(missStrategy !== undefined && { missStrategy }),
      });
    } catch (error) {
      slot.giveBack();
      throw error;
    }
  }

  #attachedAs(fileName: string): Volume | undefined {
    for (const [name, volume] of this.#means.attached) {
      if (fileNameOf(name) === fileName) return volume;
    }
    return undefined;
  }
}

/** The file an attached database is opened as: hex, so that no name needs quoting. */
export function fileNameOf(name: string): string {
  const hex = [...new TextEncoder().encode(name)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `attached-${hex.join("")}.db`;
}

/** Run again, the statements would write to the other databases a second time. */
function noteOfMain(recorder: TransactionRecorder, isAlone: boolean): CommitNote | undefined {
  if (!isAlone) recorder.refuse(SEVERAL_DATABASES);
  return recorder.note();
}
