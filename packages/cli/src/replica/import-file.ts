import type { Progress, Volume } from "@graft/client";
import type { VolumeId } from "@graft/core";
import { openImport } from "@graft/sqlite";
import type { Surroundings } from "../surroundings.ts";
import type { Replica } from "./open-replica.ts";

export interface ImportFileOptions {
  readonly file: string;
  readonly tag: string;
  readonly surroundings: Pick<Surroundings, "fileSystem" | "clock" | "compute">;
  readonly signal: AbortSignal;
  /** Pages that were looked at; the total is known when the first are sent. */
  readonly onCheck?: (pageCount: number) => void;
  readonly onProgress?: (progress: Progress & { readonly pageSize: number }) => void;
}

/** What `graft import --json` prints, and what its text says besides. */
export interface ImportedFile {
  readonly volumeId: VolumeId;
  readonly volume: Volume;
  readonly lsn: bigint;
  readonly pageCount: number;
  readonly pageSize: number;
  readonly segmentCount: number;
  /** Time between the first page sent and the commit. */
  readonly seconds: number;
  readonly warnings: readonly string[];
}

/**
 * Makes a volume of a SQLite file, and gives it a tag when it is all there. The file is checked
 * whole before the first page is sent. Interrupted, it goes on when it is run again.
 *
 * @throws GraftError as `openImport` and `Runtime.importVolume`; no tag is left behind
 */
export async function importFile(
  { runtime }: Replica,
  options: ImportFileOptions,
): Promise<ImportedFile> {
  const { fileSystem, clock, compute } = options.surroundings;
  using source = await openImport({
    fileSystem,
    clock,
    path: options.file,
    signal: options.signal,
    ...(options.onCheck !== undefined && { onCheckProgress: options.onCheck }),
  });
  const { pageSize, pageCount, warnings } = source;
  const startMs = clock.monotonicMs();
  const { volume, result } = await runtime.importVolume({
    pageSize,
    pageCount,
    pages: source.pages(),
    tag: options.tag,
    compute,
    signal: options.signal,
    onProgress: (progress) => options.onProgress?.({ ...progress, pageSize }),
  });
  const seconds = (clock.monotonicMs() - startMs) / 1000;
  const { lsn, segmentCount } = result;
  const { volumeId } = volume;
  return { volumeId, volume, lsn, pageCount, pageSize, segmentCount, seconds, warnings };
}
