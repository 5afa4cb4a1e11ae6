import type { FileSystem } from "@graft/core";

/** Directories remembered at most: at ≈ 100 bytes each, 1 MiB. Beyond that all are forgotten. */
const REMEMBERED_MAX = 10_000;

/**
 * Makes the directories of a store so that they survive a power cut. A synced file is lost all the same
 * when a directory above it was never synced into its own parent, be it because the process that made it
 * died in between; so each directory below the root is synced into its parent once in a process.
 */
export class DurableDirectories {
  readonly #fileSystem: FileSystem;
  readonly #root: string;
  readonly #durable = new Set<string>();

  constructor(fileSystem: FileSystem, root: string) {
    this.#fileSystem = fileSystem;
    this.#root = root;
  }

  /** Makes the directory a file below the root is to lie in, durably, and answers its path. */
  prepareFor(path: string): string {
    const directory = parentOf(path);
    this.#prepare(directory);
    return directory;
  }

  #prepare(directory: string): void {
    if (this.#durable.has(directory)) return;
    const missing = this.#fileSystem.stat(directory) === undefined;
    const parent = parentOf(directory);
    // Above the root only what is missing is ours to make: the rest may not even be ours to open.
    if (parent !== directory && (missing || directory !== this.#root)) {
      this.#prepareParent(directory, parent);
      if (missing) this.#fileSystem.makeDirectory(directory);
      this.#fileSystem.syncDirectory(parent);
    }
    if (this.#durable.size >= REMEMBERED_MAX) this.#durable.clear();
    this.#durable.add(directory);
  }

  #prepareParent(directory: string, parent: string): void {
    if (directory.startsWith(`${this.#root}/`)) this.#prepare(parent);
    else if (this.#fileSystem.stat(parent) === undefined) this.#prepare(parent);
  }
}

/** The directory above: "." above a plain name, "/" above a name at the top. */
function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  if (at < 0) return ".";
  return at === 0 ? "/" : path.slice(0, at);
}
