/** What an open of a data directory would find, found without changing a byte of it. */
import {
  type ClientId,
  type FileLock,
  type FileSystem,
  GraftError,
  type VolumeId,
} from "@graft/core";
import {
  readContents,
  type Succession,
  type VolumeOrigin,
} from "../directory/directory-contents.ts";
import {
  findDirectory,
  generationPath,
  type IdentityVerdict,
  judgeIdentity,
} from "../directory/directory-identity.ts";
import { countProcesses } from "../directory/process-slots.ts";

/** What `directory.json` says, and whether it is still true. */
export interface DirectoryExamination {
  readonly clientId: ClientId;
  readonly volumes: ReadonlyMap<VolumeId, VolumeOrigin>;
  readonly tags: ReadonlyMap<string, VolumeId>;
  /** Openings by a process that was alone. */
  readonly generation: number;
  /** The same, as kept beside the directory; undefined when it is missing or unreadable. */
  readonly generationBeside: number | undefined;
  /** The file beside the directory; undefined where it has no name for one. */
  readonly generationPath: string | undefined;
  /** "copied" and "restored": the next opening takes a new client id. */
  readonly verdict: IdentityVerdict;
  /** The client id before this one, and why there is a new one. */
  readonly succeeds: Succession | undefined;
  /** Volumes that may hold a push that was prepared under an earlier client id. */
  readonly unresolved: ReadonlyMap<VolumeId, ClientId>;
  /** Where the local store of a volume lies. */
  volumePath(volumeId: VolumeId): string;
}

/**
 * Reads a data directory; no lock is taken.
 *
 * @throws GraftError `not-found`: none is there · `corrupt` · `invalid-argument`: a newer format
 */
export async function examineDirectory(
  path: string,
  fileSystem: FileSystem,
): Promise<DirectoryExamination> {
  const contents = readContents(path, fileSystem);
  if (contents === undefined) {
    throw new GraftError("not-found", `"${path}" is no data directory: it has no directory.json`);
  }
  const found = await findDirectory(path, fileSystem);
  return {
    ...contents,
    generationBeside: found.generationBeside,
    generationPath: generationPath(path),
    verdict: judgeIdentity(contents, found),
    volumePath: (volumeId) => `${path}/volumes/${volumeId}`,
  };
}

/** How many processes use a data directory now. A version 1 program counts as one. */
export function countDirectoryUsers(path: string, fileSystem: FileSystem): number {
  const count = countProcesses(path, fileSystem);
  if (fileSystem.stat(`${path}/lock`) === undefined) return count;
  const lock = fileSystem.lock(`${path}/lock`);
  lock?.close();
  return lock === undefined ? Math.max(1, count) : count;
}

/**
 * Keeps every process from opening the directory until it is closed; undefined when one uses it.
 *
 * @throws GraftError `io`: it cannot be locked
 */
export function keepOthersOut(path: string, fileSystem: FileSystem): FileLock | undefined {
  const lock = fileSystem.lock(`${path}/lock`);
  if (lock === undefined) return undefined;
  try {
    if (countProcesses(path, fileSystem) === 0) return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
  lock.close();
  return undefined;
}
