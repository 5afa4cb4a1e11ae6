import type { Volume } from "@graft/client";
import type { Clock, Random } from "@graft/core";
import type { Engine, MissStrategyKind } from "@graft/sqlite-engine";
import { Connection } from "../connection/connection.ts";
import { InstanceSlots } from "../connection/instance-slots.ts";
import { SpillArea } from "../file/spill-area.ts";
import { GraftVfs } from "../graft-vfs.ts";
import { answerPragma } from "../pragma/answer-pragma.ts";

export interface TestConnectionOptions {
  readonly engine: Engine;
  readonly volume: Volume;
  readonly attached?: Readonly<Record<string, Volume>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly missStrategy?: MissStrategyKind;
  readonly spill?: SpillArea;
}

/** A single connection without a pool around it, for tests of what lies below. */
export async function openConnection(options: TestConnectionOptions): Promise<Connection> {
  const { volume, attached = {} } = options;
  const vfs = new GraftVfs({
    name: "test",
    volumeOf: (name) => (name === "main.db" ? volume : attached[name]),
    spill: options.spill ?? new SpillArea(),
    pragma: (file, name, value) =>
      answerPragma(
        {
          volume: file.volume,
          reader: file.reader,
          isWriting: file.isWriting,
          actions: {
            push: (request) => file.volume.push(request),
            pull: (request) => file.volume.pull(request),
            sync: (request) => file.volume.sync(request),
            hydrate: (request) => file.volume.hydrate(request),
            reset: async () => ({ ...(await file.volume.reset()), savedFile: undefined }),
            rebase: async () => ({
              lsn: undefined,
              rebasedCount: 0,
              rejectedCount: 0,
              savedFile: undefined,
            }),
            outbox: () => file.volume.outbox.list(),
          },
          settings: { busyTimeoutMs: 0 },
        },
        name,
        value,
      ),
  });
  return Connection.open({
    slot: await new InstanceSlots().take(options.clock, new AbortController().signal),
    engine: options.engine,
    vfs,
    filename: "main.db",
    pageSize: volume.pageSize,
    clock: options.clock,
    random: options.random,
    ...(options.missStrategy !== undefined && { missStrategy: options.missStrategy }),
  });
}
