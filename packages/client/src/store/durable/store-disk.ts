import type { FileSystem, PageSize, VolumeId } from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import type { Replica } from "../replica.ts";
import type { LogWriter } from "./log-writer.ts";
import type { PageFile } from "./page-file.ts";
import type { StoreFiles } from "./store-files.ts";
import type { SyncedMark } from "./synced-mark.ts";

/** A page that another process dropped: it is in the state no more, only pins here may read it. */
export interface DroppedPage {
  readonly version: number;
  readonly location: Location;
  /** Pins from here on know that it is gone. */
  readonly position: number;
}

/** The files of a store that outlive a generation, open. */
export interface StorePlace {
  readonly fileSystem: FileSystem;
  readonly files: StoreFiles;
  readonly volumeId: VolumeId;
  readonly pages: PageFile;
  readonly mark: SyncedMark;
}

/** An open store: its files, and the state they say. */
export interface StoreDisk extends StorePlace {
  /** Another one when the state was loaded again. */
  replica: Replica;
  /** Undefined until it is known. */
  pageSize: PageSize | undefined;
  /** The log in use. Another one after a switch. */
  log: LogWriter;
  /** Position of offset 0 of the log in use. */
  start: number;
  /** Pages that other processes dropped and pins of this one may still read, by page. */
  dropped: Map<number, DroppedPage>;
  /** Earlier logs that pins may read, oldest first. */
  earlierLogs: LogWriter[];
  /** Whether the log may take any record: its format is the newest. */
  isCurrent: boolean;
  /** The highest generation a file was ever written for. */
  lastGeneration: number;
}

export function closePlace(place: StorePlace): void {
  place.pages.close();
  place.mark.close();
}
