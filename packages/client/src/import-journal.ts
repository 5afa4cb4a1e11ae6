/**
 * What an import has moved so far, so that one that was interrupted (killed included) moves only
 * the rest when it is run again under the same name.
 *
 * ```
 * <data directory>/imports/<name>.parts    lines, appended
 * <data directory>/imports/<name>.lock     held by the process that imports
 * line:  XXH32 of the JSON text, 8 hex digits · space · JSON
 * ```
 *
 * The first line says whose import it is, each further one what arrived. A line that is torn, and
 * all after it, count as never written: then those parts are sent again.
 */
import {
  type ClientId,
  type CommitId,
  createCommitId,
  createVolumeId,
  type File,
  type FileLock,
  type FileSystem,
  GraftError,
  gidTimestampMs,
  type IdSource,
  isGraftError,
  type PageSize,
  SEGMENT_AGE_MAX_MS,
  type VolumeId,
} from "@graft/core";
import { type ImportHead, type ImportLine, readImportLines, toImportLine } from "./import-line.ts";
import type { UploadedSegment } from "./remote/remote.ts";

/** A commit refuses segments that are older than a day: those it would meet so are not kept. */
const KEPT_AGE_MAX_MS: number = SEGMENT_AGE_MAX_MS - 60 * 60 * 1000;

export interface ImportJournalOptions extends IdSource {
  readonly clientId: ClientId;
  readonly pageSize: PageSize;
  /** Where it is kept. Absent: in memory, and nothing can be resumed. */
  readonly place?: {
    readonly fileSystem: FileSystem;
    readonly directory: string;
    readonly name: string;
  };
}

export class ImportJournal implements Disposable {
  readonly #options: ImportJournalOptions;
  readonly #lock: FileLock | undefined;
  #head: ImportHead;
  /** By digest. */
  readonly #parts = new Map<string, readonly UploadedSegment[]>();
  #sent: string | undefined;
  #file: File | undefined;
  #size = 0;

  /**
   * Opens what an earlier run left, or begins anew. Close it.
   *
   * @throws GraftError `busy`: another process imports under this name · `io`
   */
  constructor(options: ImportJournalOptions) {
    this.#options = options;
    const { place } = options;
    this.#head = newHead(options);
    if (place === undefined) return;
    const { fileSystem, directory, name } = place;
    fileSystem.makeDirectory(directory);
    this.#lock = fileSystem.lock(`${directory}/${name}.lock`);
    if (this.#lock === undefined) {
      throw new GraftError("busy", `another process imports "${name}": wait for it, or end it`);
    }
    try {
      this.#load(fileSystem, pathOf(place));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get volumeId(): VolumeId {
    return this.#head.volumeId;
  }

  /** The same for every attempt to commit what this import moves. */
  get commitId(): CommitId {
    return this.#head.commitId;
  }

  /** Digest of what was sent as the commit; undefined: it never was. */
  get sent(): string | undefined {
    return this.#sent;
  }

  /** Segments that hold exactly the part with this digest. */
  find(digest: string): readonly UploadedSegment[] | undefined {
    return this.#parts.get(digest);
  }

  /** A part has arrived. A disk that does not take the note costs an upload, and is no error. */
  add(digest: string, segments: readonly UploadedSegment[]): void {
    this.#parts.set(digest, segments);
    try {
      this.#append({ kind: "part", digest, segments });
    } catch (error) {
      if (!isGraftError(error, "io")) throw error;
    }
  }

  /**
   * The commit is about to be sent: from here on the commit id stands for this content and no
   * other.
   *
   * @throws GraftError `io`: do not send it
   */
  markSent(digest: string): void {
    this.#append({ kind: "sent", digest });
    this.#file?.sync();
    this.#sent = digest;
  }

  /** Forgets parts with segments that a commit would not find. */
  forget(isLost: (segment: UploadedSegment) => boolean): void {
    for (const [digest, segments] of this.#parts) {
      if (segments.some(isLost)) this.#parts.delete(digest);
    }
  }

  /** Gives up the volume of this import: the next attempt is another volume. */
  startOver(): void {
    this.#head = newHead(this.#options);
    this.#parts.clear();
    this.#sent = undefined;
    this.#begin();
  }

  /** The import is over, and what it made has its name. */
  finish(): void {
    const { place } = this.#options;
    this.#file?.close();
    this.#file = undefined;
    if (place !== undefined) place.fileSystem.remove(pathOf(place));
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#lock?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #load(fileSystem: FileSystem, path: string): void {
    this.#file = fileSystem.open(path, "create");
    const bytes = new Uint8Array(this.#file.size());
    this.#file.read(bytes, 0);
    const { lines, size } = readImportLines(bytes);
    const [head, ...rest] = lines;
    const { clientId, pageSize, clock } = this.#options;
    // NOTE: a copy of the data directory has another client id; both must not commit as one.
    const isOurs = head?.kind === "head" && head.clientId === clientId;
    if (!isOurs || head.pageSize !== pageSize) {
      this.#begin();
      return;
    }
    this.#head = head;
    for (const line of rest) {
      if (line.kind === "part") this.#parts.set(line.digest, line.segments);
      if (line.kind === "sent") this.#sent = line.digest;
    }
    const oldestMs = clock.nowMs() - KEPT_AGE_MAX_MS;
    this.forget(({ segmentId }) => gidTimestampMs(segmentId) < oldestMs);
    this.#file.truncate(size);
    this.#size = size;
  }

  #begin(): void {
    const { place } = this.#options;
    if (this.#file === undefined || place === undefined) return;
    this.#file.truncate(0);
    this.#size = 0;
    this.#append(this.#head);
    this.#file.sync();
    place.fileSystem.syncDirectory(place.directory);
  }

  #append(line: ImportLine): void {
    if (this.#file === undefined) return;
    const bytes = toImportLine(line);
    this.#file.write(bytes, this.#size);
    this.#size += bytes.length;
  }
}

function newHead(options: ImportJournalOptions): ImportHead {
  const { clientId, pageSize, random } = options;
  return {
    kind: "head",
    volumeId: createVolumeId(options),
    commitId: createCommitId(random),
    clientId,
    pageSize,
  };
}

function pathOf(place: NonNullable<ImportJournalOptions["place"]>): string {
  return `${place.directory}/${place.name}.parts`;
}
