import type { RebaseOptions, RebaseResult, Volume, VolumeOutbox } from "../volume.ts";
import type { VolumeWriter } from "../volume-writer.ts";
import { rebase, refuseWhileRebasing, retryRejected } from "./rebase.ts";
import type { SyncContext } from "./sync-context.ts";
import type { SyncTurns } from "./sync-turns.ts";

export interface VolumeRebaseMeans {
  readonly context: SyncContext;
  readonly turns: SyncTurns;
  /** The volume, whose writers find the lock taken meanwhile. */
  readonly volume: Volume;
  /** A writer for who has the lock. */
  readonly openInnerWriter: () => VolumeWriter | undefined;
}

/** Rebase and outbox of one volume, in turn with all else that speaks with the server. */
export class VolumeRebase {
  readonly outbox: VolumeOutbox;
  readonly #means: VolumeRebaseMeans;

  constructor(means: VolumeRebaseMeans) {
    this.#means = means;
    const { context, turns } = means;
    this.outbox = {
      list: () => context.outbox.list(),
      discard: (id, options = {}) =>
        turns.alone(options, async () => {
          refuseWhileRebasing(context);
          return context.outbox.remove(id);
        }),
      retry: (id, options) =>
        turns.alone(options, (turn) => retryRejected(context, this.#inside(), id, turn)),
    };
  }

  rebase(options: RebaseOptions): Promise<RebaseResult> {
    const { context, turns } = this.#means;
    return turns.alone(options, (turn) => rebase(context, this.#inside(), turn));
  }

  /** The volume for who has its turn to write: only its writers are others. */
  #inside(): Volume {
    const { volume, openInnerWriter } = this.#means;
    return new Proxy(volume, {
      get(target, key) {
        if (key === "openWriter") return openInnerWriter;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}
