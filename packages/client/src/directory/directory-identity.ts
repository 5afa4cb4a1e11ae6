/**
 * Whether a data directory is still the one it was (docs/decisions/0010-copied-directories.md).
 *
 * Two things tell: the directory's device and inode, which a copy does not share, and a generation
 * that is also kept in `<path>.generation`, beside the directory, where a restored backup does not
 * take it back.
 *
 * | identity | generation beside | verdict |
 * |---|---|---|
 * | another | any | `copied`: `cp -r`, a restore into a new directory, `mv` to another disk |
 * | the same | greater | `restored`: an older state was put in its place |
 * | the same | less, or equal | `same`: less after a crash between the two writes |
 * | the same | missing | `same`: the directory was renamed, or its parent cannot be written |
 *
 * A verdict that is wrong by caution costs a new client id and nothing else.
 */
import {
  type ClientId,
  type Clock,
  createClientId,
  type FileSystem,
  isGraftError,
  type Random,
} from "@graft/core";
import type { DirectoryContents } from "./directory-contents.ts";

/** Digits of a generation: more is no file of ours. */
const GENERATION_DIGITS_MAX = 15;

export type IdentityVerdict = "same" | "copied" | "restored";

/** What is found where the directory lies. */
export interface FoundDirectory {
  /** Device and inode of the directory. */
  readonly identity: string;
  /** What `<path>.generation` says; undefined when it is missing or unreadable. */
  readonly generationBeside: number | undefined;
}

export function judgeIdentity(
  recorded: Pick<DirectoryContents, "identity" | "generation">,
  found: FoundDirectory,
): IdentityVerdict {
  if (recorded.identity === undefined) return "same";
  if (recorded.identity !== found.identity) return "copied";
  return (found.generationBeside ?? 0) > recorded.generation ? "restored" : "same";
}

/**
 * The contents of the next generation. A copy becomes a client of its own; each of its volumes may
 * hold a push that was prepared under the old id, and that one is resolved under the old id.
 */
export function nextGeneration(
  contents: DirectoryContents,
  found: FoundDirectory,
  means: { readonly clock: Clock; readonly random: Random },
): DirectoryContents {
  const verdict = judgeIdentity(contents, found);
  const generation = Math.max(contents.generation, found.generationBeside ?? 0) + 1;
  const next = { ...contents, identity: found.identity, generation };
  if (verdict === "same") return next;
  const { clientId } = contents;
  const unresolved = new Map(contents.unresolved);
  for (const volume of contents.volumes.keys()) {
    if (!unresolved.has(volume)) unresolved.set(volume, clientId);
  }
  return {
    ...next,
    clientId: createClientId(means) satisfies ClientId,
    succeeds: { reason: verdict, clientId, sinceMs: means.clock.nowMs() },
    unresolved,
  };
}

/** Looks at the directory and beside it. */
export async function findDirectory(path: string, fileSystem: FileSystem): Promise<FoundDirectory> {
  const identity = fileSystem.stat(path)?.identity ?? "";
  const beside = generationPath(path);
  const bytes = beside === undefined ? undefined : await fileSystem.readWhole(beside);
  return { identity, generationBeside: bytes && parseGeneration(bytes) };
}

/**
 * Keeps the generation beside the directory; durable inside first, or a crash looks like a restore.
 * Where the parent cannot be written nothing is kept, and only copies are noticed.
 */
export async function writeGenerationBeside(
  path: string,
  fileSystem: FileSystem,
  generation: number,
): Promise<void> {
  const beside = generationPath(path);
  if (beside === undefined) return;
  try {
    await fileSystem.writeWhole(beside, [new TextEncoder().encode(`${generation}\n`)], "replace");
  } catch (error) {
    if (!isGraftError(error, "io")) throw error;
  }
}

/** Undefined where a directory has no name to put another one beside ("." or the root). */
export function generationPath(path: string): string | undefined {
  const name = path.split("/").at(-1);
  return name === "" || name === "." || name === ".." ? undefined : `${path}.generation`;
}

function parseGeneration(bytes: Uint8Array): number | undefined {
  if (bytes.length > GENERATION_DIGITS_MAX + 1) return undefined;
  const text = new TextDecoder().decode(bytes);
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}
