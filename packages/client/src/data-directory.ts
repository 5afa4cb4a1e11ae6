/**
 * A data directory: what one client keeps on a disk. Many processes may use it at once.
 *
 * ```
 * <path>/directory.json         who it is and what it holds (directory/directory-contents.ts)
 * <path>/lock                   held for moments: while directory.json is read and replaced
 * <path>/processes/<n>.lock     held by the n-th process that uses it, until it ends or dies
 * <path>/tmp/<n>/               temporary files of that process
 * <path>/volumes/<volume id>/   the local store of one volume (docs/formats/local-store.md)
 * <path>.generation             beside it: tells an older state that was put in its place
 * ```
 *
 * The rule: `directory.json` is changed under the lock, after reading it again.
 */
import {
  type ClientId,
  type Clock,
  createClientId,
  type FileLock,
  type FileSystem,
  GraftError,
  isGraftError,
  type Random,
  type VolumeId,
} from "@graft/core";
import {
  contentsPath,
  type DirectoryContents,
  readContents,
  type Succession,
  type VolumeOrigin,
  writeContents,
} from "./directory/directory-contents.ts";
import {
  findDirectory,
  judgeIdentity,
  nextGeneration,
  writeGenerationBeside,
} from "./directory/directory-identity.ts";
import { hasOtherProcess, type ProcessSlot, takeProcessSlot } from "./directory/process-slots.ts";
import { TaskQueue } from "./sync/task-queue.ts";
import { waitForLock } from "./wait-for-lock.ts";

/** The lock is held for a few flushes: who waits longer waits for no program of this version. */
const LOCK_TIMEOUT_MS = 10_000;
const TAG_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export interface DirectoryMeans {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

export class DataDirectory {
  readonly path: string;
  readonly #means: DirectoryMeans;
  readonly #slot: ProcessSlot;
  /** One change after the other, each on what the one before left. */
  readonly #changes = new TaskQueue();
  #contents: DirectoryContents;
  /** Which `directory.json` was read last. */
  #stamp: string;
  #isClosed = false;

  private constructor(
    path: string,
    means: DirectoryMeans,
    slot: ProcessSlot,
    contents: DirectoryContents,
  ) {
    this.path = path;
    this.#means = means;
    this.#slot = slot;
    this.#contents = contents;
    this.#stamp = stampOf(path, means.fileSystem);
  }

  /**
   * Opens the directory, making it when missing. A copy, or an older state in its place, is given
   * a new client id here.
   *
   * @throws GraftError `busy`: an older program, or `graft fsck`, uses it · `invalid-argument`: a
   *   newer format, or something else lies there · `corrupt` · `io`
   */
  static async open(path: string, means: DirectoryMeans): Promise<DataDirectory> {
    const { fileSystem } = means;
    const name = path.replace(/(?<=.)\/+$/, "");
    if (fileSystem.stat(name)?.kind === "file") {
      throw new GraftError(
        "invalid-argument",
        `data directory "${name}" is a file: name a directory`,
      );
    }
    fileSystem.makeDirectory(name);
    const lock = await lockDirectory(name, means);
    try {
      const stored = readContents(name, fileSystem);
      const slot = takeProcessSlot(name, fileSystem);
      try {
        removeLeftovers(name, fileSystem, slot);
        const contents = await enter(name, means, stored, slot);
        return new DataDirectory(name, means, slot, contents);
      } catch (error) {
        slot.lock.close();
        throw error;
      }
    } finally {
      lock.close();
    }
  }

  /** Who commits from here. */
  get clientId(): ClientId {
    return this.#latest().clientId;
  }

  /** Local names of volumes. */
  get tags(): ReadonlyMap<string, VolumeId> {
    return this.#latest().tags;
  }

  get volumes(): ReadonlyMap<VolumeId, VolumeOrigin> {
    return this.#latest().volumes;
  }

  /** The client id before this one, when the directory was found to be a copy or restored. */
  get succeeds(): Succession | undefined {
    return this.#latest().succeeds;
  }

  /** For temporary files of this process; removed when it closes, or by the next one after it. */
  get temporaryPath(): string {
    return temporaryPath(this.path, this.#slot.number);
  }

  /** Where the local store of a volume lies. */
  volumePath(volumeId: VolumeId): string {
    return `${this.path}/volumes/${volumeId}`;
  }

  /** Whether another process uses the directory now; as if, when that cannot be told. */
  hasCompany(): boolean {
    try {
      return !this.#isClosed && hasOtherProcess(this.path, this.#means.fileSystem, this.#slot);
    } catch {
      return true;
    }
  }

  /**
   * The lock of the process that speaks with the server for a volume; undefined while another one
   * has it.
   */
  tryLead(volumeId: VolumeId): FileLock | undefined {
    return this.#means.fileSystem.lock(`${this.volumePath(volumeId)}/lead.lock`);
  }

  /** Who sent a push that is found prepared. */
  clientIdOf(volumeId: VolumeId): ClientId {
    const { unresolved, clientId } = this.#latest();
    return unresolved.get(volumeId) ?? clientId;
  }

  /** No push of an earlier client id is left in the volume: what it does now is ours. */
  async resolveVolume(volumeId: VolumeId): Promise<void> {
    if (!this.#latest().unresolved.has(volumeId)) return;
    await this.#change((contents) => {
      const unresolved = new Map(contents.unresolved);
      return unresolved.delete(volumeId) ? { ...contents, unresolved } : contents;
    });
  }

  /** Remembers a volume; a known one keeps its origin. */
  async addVolume(volumeId: VolumeId, origin: VolumeOrigin): Promise<void> {
    await this.#change((contents) => withVolume(contents, volumeId, origin));
  }

  /**
   * Remembers a volume that `make` makes, under a tag that nothing has yet. When the tag has been
   * given, also by another process a moment ago, nothing is made.
   *
   * @returns the volume that the tag names
   */
  async createVolume(
    volumeId: VolumeId,
    tag: string | undefined,
    make: () => Promise<void>,
  ): Promise<VolumeId> {
    if (tag !== undefined) checkTag(tag);
    let named = volumeId;
    await this.#change(async (contents) => {
      const taken = tag === undefined ? undefined : contents.tags.get(tag);
      if (taken !== undefined) {
        named = taken;
        return contents;
      }
      // Made first: what `directory.json` names is there, for every process that reads it.
      await make();
      const next = withVolume(contents, volumeId, "created");
      return tag === undefined ? next : { ...next, tags: new Map([...next.tags, [tag, volumeId]]) };
    });
    return named;
  }

  /** @throws GraftError `invalid-argument`: a malformed tag, or one that names another volume */
  async addTag(tag: string, volumeId: VolumeId): Promise<void> {
    checkTag(tag);
    await this.#change((contents) => {
      const taken = contents.tags.get(tag);
      if (taken === volumeId) return contents;
      if (taken !== undefined) {
        throw new GraftError(
          "invalid-argument",
          `tag "${tag}" in "${this.path}" names volume ${taken}, not ${volumeId}: use another tag`,
        );
      }
      return { ...contents, tags: new Map([...contents.tags, [tag, volumeId]]) };
    });
  }

  /** Leaves the directory, after the changes under way. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#changes.drained();
    try {
      this.#means.fileSystem.removeTree(this.temporaryPath);
    } finally {
      this.#slot.lock.close();
    }
  }

  /** THE RULE: read again and replaced under the lock. The same contents are not written. */
  async #change(
    change: (contents: DirectoryContents) => DirectoryContents | Promise<DirectoryContents>,
  ): Promise<void> {
    if (this.#isClosed) {
      throw new GraftError(
        "invalid-argument",
        `data directory "${this.path}" is closed: open it again`,
      );
    }
    await this.#changes.run(async () => {
      const lock = await lockDirectory(this.path, this.#means);
      try {
        const { fileSystem } = this.#means;
        const before = readContents(this.path, fileSystem) ?? this.#contents;
        const after = await change(before);
        if (after !== before) await writeContents(this.path, fileSystem, after);
        this.#contents = after;
        this.#stamp = stampOf(this.path, fileSystem);
      } finally {
        lock.close();
      }
    });
  }

  /** What the directory says now, also by the hand of another process. */
  #latest(): DirectoryContents {
    if (this.#isClosed) return this.#contents;
    const { fileSystem } = this.#means;
    const stamp = stampOf(this.path, fileSystem);
    if (stamp !== this.#stamp) {
      this.#contents = readContents(this.path, fileSystem) ?? this.#contents;
      this.#stamp = stamp;
    }
    return this.#contents;
  }
}

/** @throws GraftError `invalid-argument` */
export function checkTag(tag: string): void {
  if (TAG_PATTERN.test(tag)) return;
  throw new GraftError(
    "invalid-argument",
    `invalid tag "${tag}": expected 1 … 64 letters, digits, ".", "_" or "-", a letter or digit first`,
  );
}

/** @throws GraftError `busy` */
async function lockDirectory(path: string, means: DirectoryMeans): Promise<FileLock> {
  const tryLock = (): FileLock | undefined => means.fileSystem.lock(`${path}/lock`);
  const lock = await waitForLock(tryLock, { ...means, timeoutMs: LOCK_TIMEOUT_MS });
  if (lock !== undefined) return lock;
  throw new GraftError(
    "busy",
    `data directory "${path}" is kept locked by another process, an older program or graft fsck: ` +
      "end it, or use another directory",
  );
}

/** What the directory says from this opening on. */
async function enter(
  path: string,
  means: DirectoryMeans,
  stored: DirectoryContents | undefined,
  slot: ProcessSlot,
): Promise<DirectoryContents> {
  const { fileSystem } = means;
  const found = await findDirectory(path, fileSystem);
  const before = stored ?? emptyContents(means);
  const isSame = judgeIdentity(before, found) === "same";
  // A state can only be taken back unnoticed by what happened while somebody used it anyway.
  if (isSame && !slot.isAlone) return before;
  const after = nextGeneration(before, found, means);
  try {
    await writeContents(path, fileSystem, after);
  } catch (error) {
    // A full disk can still be read from.
    if (stored !== undefined && isSame && isGraftError(error, "io")) return before;
    throw error;
  }
  await writeGenerationBeside(path, fileSystem, after.generation);
  return after;
}

function emptyContents(means: DirectoryMeans): DirectoryContents {
  return {
    clientId: createClientId(means),
    volumes: new Map(),
    tags: new Map(),
    generation: 0,
    identity: undefined,
    succeeds: undefined,
    unresolved: new Map(),
  };
}

/** What died with earlier processes; the caller holds the directory's lock. */
function removeLeftovers(path: string, fileSystem: FileSystem, slot: ProcessSlot): void {
  const isFull = slot.isAlone;
  fileSystem.removeTree(isFull ? `${path}/tmp` : temporaryPath(path, slot.number));
  for (const name of fileSystem.list(path) ?? []) {
    if (/^directory\.json\..*\.tmp$/.test(name)) fileSystem.remove(`${path}/${name}`);
  }
}

function temporaryPath(path: string, slotNumber: number): string {
  return `${path}/tmp/${slotNumber}`;
}

function withVolume(
  contents: DirectoryContents,
  volumeId: VolumeId,
  origin: VolumeOrigin,
): DirectoryContents {
  if (contents.volumes.has(volumeId)) return contents;
  return { ...contents, volumes: new Map([...contents.volumes, [volumeId, origin]]) };
}

/** Changes whenever `directory.json` is replaced. */
function stampOf(path: string, fileSystem: FileSystem): string {
  const stat = fileSystem.stat(contentsPath(path));
  return stat === undefined ? "" : `${stat.identity} ${stat.size} ${stat.modifiedMs}`;
}
