import type {
  HydrateResult,
  PullResult,
  PushResult,
  RejectedTransaction,
  SyncResult,
  Volume,
} from "@graft/client";
import { isGraftError } from "@graft/core";
import type { RebaseOutcome } from "./conflict/conflict-policy.ts";
import type { Conflicts } from "./conflict/conflicts.ts";
import { createWorkSaver, type WorkSaverOptions } from "./conflict/save-work.ts";
import type {
  ActionOptions,
  HydrateRequest,
  PushRequest,
  ResetOutcome,
  ResetRequest,
  VolumeActions,
} from "./pragma/pragma-context.ts";

export interface VolumeActionsOptions extends WorkSaverOptions {
  readonly volume: Volume;
  /** What is done about a divergence; absent: nothing. */
  readonly conflicts?: Pick<Conflicts, "resolve" | "rebase">;
}

/** What can be done with a volume beside SQL, with files for what a reset gives up. */
export function createVolumeActions(options: VolumeActionsOptions): VolumeActions {
  const { volume } = options;
  return {
    push: (request: PushRequest = {}): Promise<PushResult> => volume.push(request),
    pull: (request: ActionOptions = {}): Promise<PullResult> => volume.pull(request),
    sync: (request: ActionOptions = {}): Promise<SyncResult> => sync(options, request),
    hydrate: (request: HydrateRequest = {}): Promise<HydrateResult> => volume.hydrate(request),
    reset: (request: ResetRequest = {}): Promise<ResetOutcome> => reset(options, request),
    rebase: (request: ActionOptions = {}): Promise<RebaseOutcome> => rebase(options, request),
    outbox: (): readonly RejectedTransaction[] => volume.outbox.list(),
  };
}

/** A divergence is dealt with as the policy says, and what is left then is sent: once. */
async function sync(options: VolumeActionsOptions, request: ActionOptions): Promise<SyncResult> {
  const { volume, conflicts } = options;
  try {
    return await volume.sync(request);
  } catch (error) {
    if (!isGraftError(error, "diverged") || conflicts === undefined) throw error;
    if ((await conflicts.resolve(request)) === undefined) throw error;
    return await volume.sync(request);
  }
}

async function reset(options: VolumeActionsOptions, request: ResetRequest): Promise<ResetOutcome> {
  const { signal, save: wanted = true, onlyDiverged = false } = request;
  const path = typeof wanted === "string" ? wanted : undefined;
  const saver = createWorkSaver(options, path, signal);
  const { lsn, discardedCommitCount } = await options.volume.reset({
    onlyDiverged,
    ...(wanted !== false && { save: (reader, note) => saver.save(reader, note) }),
    ...(signal !== undefined && { signal }),
  });
  return { lsn, discardedCommitCount, savedFile: saver.savedFile };
}

async function rebase(
  { volume, conflicts }: VolumeActionsOptions,
  request: ActionOptions,
): Promise<RebaseOutcome> {
  if (conflicts !== undefined) return await conflicts.rebase(request);
  const result = await volume.rebase({
    ...request,
    refusalOf: () => "this volume is attached to another database",
    replay: async () => ({ kind: "rejected", code: "not-recorded", message: "" }),
  });
  return { ...result, savedFile: undefined };
}
