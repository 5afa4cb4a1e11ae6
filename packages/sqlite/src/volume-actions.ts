import type {
  HydrateResult,
  PullResult,
  PushResult,
  SyncResult,
  Volume,
  VolumeReader,
} from "@graft/client";
import { type Clock, type FileSystem, GraftError, type Random } from "@graft/core";
import { exportDatabase } from "./export/export-database.ts";
import type {
  ActionOptions,
  HydrateRequest,
  PushRequest,
  ResetOutcome,
  ResetRequest,
  VolumeActions,
} from "./pragma/pragma-context.ts";

/** Where and how local work is saved before it is given up. */
export interface SaveMeans {
  readonly fileSystem: FileSystem;
  /** For files whose path nobody chose. */
  readonly directory: string;
}

export interface VolumeActionsOptions {
  readonly volume: Volume;
  readonly clock: Clock;
  readonly random: Random;
  readonly save?: SaveMeans;
}

/** What can be done with a volume beside SQL, with files for what a reset gives up. */
export function createVolumeActions(options: VolumeActionsOptions): VolumeActions {
  const { volume } = options;
  return {
    push: (request: PushRequest = {}): Promise<PushResult> => volume.push(request),
    pull: (request: ActionOptions = {}): Promise<PullResult> => volume.pull(request),
    sync: (request: ActionOptions = {}): Promise<SyncResult> => volume.sync(request),
    hydrate: (request: HydrateRequest = {}): Promise<HydrateResult> => volume.hydrate(request),
    reset: (request: ResetRequest = {}): Promise<ResetOutcome> => reset(options, request),
  };
}

async function reset(options: VolumeActionsOptions, request: ResetRequest): Promise<ResetOutcome> {
  const { volume, save } = options;
  const { signal } = request;
  const wanted = request.save ?? true;
  let savedFile: string | undefined;
  const saveTo = async (reader: VolumeReader, note: string | undefined): Promise<void> => {
    if (save === undefined) {
      throw new GraftError(
        "invalid-argument",
        "there is no file system to save local work to: reset with save: false discards it",
      );
    }
    const path = typeof wanted === "string" ? wanted : savePath(options, save, reader, note);
    const means = { fileSystem: save.fileSystem, random: options.random };
    await exportDatabase({ ...means, reader, path, ...(signal !== undefined && { signal }) });
    savedFile = path;
  };
  const result = await volume.reset({
    ...(wanted !== false && { save: saveTo }),
    ...(signal !== undefined && { signal }),
  });
  return { lsn: result.lsn, discardedCommitCount: result.discardedCommitCount, savedFile };
}

/** `<volume>-<time>-v<version>[-<note>].db`: sorts by time, and says what is special about it. */
function savePath(
  { volume, clock }: VolumeActionsOptions,
  { fileSystem, directory }: SaveMeans,
  reader: VolumeReader,
  note: string | undefined,
): string {
  fileSystem.makeDirectory(directory);
  const time = new Date(clock.nowMs()).toISOString().replaceAll(/[:.]/g, "-");
  const suffix = note === undefined ? "" : `-${note.replaceAll(/[^A-Za-z0-9]+/g, "-")}`;
  return `${directory}/${volume.volumeId}-${time}-v${reader.version}${suffix}.db`;
}
