import type { CommitNote, FetchNeed } from "@graft/client";
import type { PragmaAnswer } from "@graft/sqlite-engine";
import type { VolumeFile } from "./volume-file.ts";

/** What a volume file asks of its connection. */
export interface VolumeFileHost {
  /** Whether the connection has more than one database file open (ATTACH). */
  hasSeveralFiles(): boolean;
  /** Aborted when the connection is closed: nobody waits for a page any more. */
  readonly closing: AbortSignal;
  /** What the statement that misses pages needs. @param owner as the engine tells it */
  need(owner: object | undefined): FetchNeed | undefined;
  pragma(file: VolumeFile, name: string, value: string | undefined): PragmaAnswer;
  /** What the commit of the transaction that is open on the file carries along. */
  noteOf(file: VolumeFile): CommitNote | undefined;
  /** No lock is left: no journal beside the file speaks of its transaction any more (rule 5). */
  onRelease(file: VolumeFile): void;
  onClose(file: VolumeFile): void;
}
