import type { Volume, VolumeReader } from "@graft/client";
import { type Clock, type FileSystem, GraftError, type Random } from "@graft/core";
import { exportDatabase } from "../export/export-database.ts";

/** Where and how local work is saved before it is given up. */
export interface SaveMeans {
  readonly fileSystem: FileSystem;
  /** For files whose path nobody chose. */
  readonly directory: string;
}

export interface WorkSaverOptions {
  readonly volume: Volume;
  readonly clock: Clock;
  readonly random: Random;
  readonly save?: SaveMeans;
}

/** Saves a view of a volume as a plain SQLite file. */
export interface WorkSaver {
  save(reader: VolumeReader, note: string | undefined): Promise<void>;
  /** The file, once it is there. */
  readonly savedFile: string | undefined;
}

/** @param path where the file goes; without it a new one in the data directory */
export function createWorkSaver(
  options: WorkSaverOptions,
  path: string | undefined,
  signal: AbortSignal | undefined,
): WorkSaver {
  const { save: means, random } = options;
  let savedFile: string | undefined;
  return {
    async save(reader, note) {
      if (means === undefined) {
        throw new GraftError(
          "invalid-argument",
          "there is no file system to save local work to: reset with save: false discards it",
        );
      }
      const to = path ?? savePath(options, means, reader, note);
      const { fileSystem } = means;
      await exportDatabase({ fileSystem, random, reader, path: to, ...(signal && { signal }) });
      savedFile = to;
    },
    get savedFile() {
      return savedFile;
    },
  };
}

/** `<volume>-<time>-v<version>[-<note>].db`: sorts by time, and says what is special about it. */
function savePath(
  { volume, clock }: WorkSaverOptions,
  { fileSystem, directory }: SaveMeans,
  reader: VolumeReader,
  note: string | undefined,
): string {
  fileSystem.makeDirectory(directory);
  const time = new Date(clock.nowMs()).toISOString().replaceAll(/[:.]/g, "-");
  const suffix = note === undefined ? "" : `-${note.replaceAll(/[^A-Za-z0-9]+/g, "-")}`;
  return `${directory}/${volume.volumeId}-${time}-v${reader.version}${suffix}.db`;
}
