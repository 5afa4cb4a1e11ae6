import { invariant } from "../../assert.ts";
import { GraftError } from "../../error.ts";
import type {
  ByteRange,
  File,
  FileLock,
  FileMode,
  FileStat,
  FileSystem,
  ReusableLock,
} from "../../file-system.ts";
import { type DiskOperation, diskError } from "./disk-faults.ts";
import { type DiskState, missing, type Owner } from "./disk-state.ts";
import { type DirectoryNode, type Node, splitPath } from "./entry-tree.ts";
import type { FileNode } from "./file-node.ts";
import { SimulatedFile } from "./simulated-file.ts";

/** The simulated disk as one process sees it. */
export class SimulatedFileSystem implements FileSystem {
  protected readonly state: DiskState;
  #owner: Owner = { isAlive: true };

  constructor(state: DiskState) {
    this.state = state;
  }

  /** kill -9: files and locks of this process are closed; what it wrote stays in the page cache. */
  kill(): void {
    this.state.killOwner(this.#owner);
    this.#owner = { isAlive: true };
  }

  /** False after a `death` fault met this process. */
  get isAlive(): boolean {
    return this.#owner.isAlive;
  }

  open(path: string, mode: FileMode): File {
    this.#enter("open", path);
    return new SimulatedFile(this.state, this.#owner, path, this.#openNode(path, mode), mode);
  }

  makeDirectory(path: string): void {
    this.#enter("make-directory", path);
    let directory = this.state.tree.root;
    for (const name of splitPath(path)) {
      let child = directory.live.get(name);
      if (child?.kind === "file") throw this.#refuse("make-directory", path, "a file is there");
      if (child === undefined) {
        child = this.state.createDirectory();
        this.state.tree.change({ directory, name, node: child });
        this.state.tree.sync(directory);
      }
      directory = child;
    }
  }

  list(path: string): readonly string[] | undefined {
    this.#enter("list", path);
    const node = this.state.tree.find(path);
    return node?.kind === "directory" ? [...node.live.keys()].sort() : undefined;
  }

  stat(path: string): FileStat | undefined {
    this.#enter("stat", path);
    const node = this.state.tree.find(path);
    if (node === undefined) return undefined;
    const size = node.kind === "file" ? node.size : 0;
    const { kind, id, modifiedMs } = node;
    return { kind, size, identity: `simulated:${id}`, modifiedMs };
  }

  rename(from: string, to: string): void {
    this.#perform("rename", from, () => this.#rename(from, to));
  }

  remove(path: string): boolean {
    return this.#perform("remove", path, () => this.#remove(path));
  }

  removeTree(path: string): boolean {
    const node = this.state.tree.find(path);
    if (node?.kind === "directory") {
      for (const name of [...node.live.keys()]) this.removeTree(`${path}/${name}`);
    }
    return this.remove(path);
  }

  syncDirectory(path: string): void {
    this.#enter("sync-directory", path);
    const node = this.state.tree.find(path);
    if (node?.kind !== "directory") throw missing("sync-directory", path);
    this.state.tree.sync(node);
  }

  lock(path: string): FileLock | undefined {
    this.#enter("lock", path);
    const node = this.#openNode(path, "create");
    const { locks } = this.state;
    if (locks.has(node)) return undefined;
    const lock = { owner: this.#owner };
    locks.set(node, lock);
    return {
      close(): void {
        if (locks.get(node) === lock) locks.delete(node);
      },
    };
  }

  openLock(path: string): ReusableLock {
    this.#enter("lock", path);
    this.#openNode(path, "create");
    let held: FileLock | undefined;
    const tryLock = (): boolean => {
      invariant(held === undefined, "a lock is taken once at a time");
      held = this.lock(path);
      return held !== undefined;
    };
    return {
      tryLock,
      // One thread runs all processes: while this call lasts nobody gives a lock back.
      lock: tryLock,
      unlock(): void {
        held?.close();
        held = undefined;
      },
      close(): void {
        held?.close();
        held = undefined;
      },
    };
  }

  async readWhole(path: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    this.#enter("read", path);
    const node = this.state.tree.find(path);
    if (node === undefined) return undefined;
    if (node.kind === "directory") throw this.#refuse("read", path, "it is a directory");
    const offset = Math.min(range?.offset ?? 0, node.size);
    const bytes = new Uint8Array(Math.min(range?.size ?? node.size, node.size - offset));
    node.read(bytes, offset);
    return bytes;
  }

  async removeWhole(path: string): Promise<boolean> {
    if (this.state.tree.find(path)?.kind === "directory") {
      throw this.#refuse("remove", path, "it is a directory");
    }
    return this.remove(path);
  }

  async writeWhole(
    path: string,
    parts: readonly Uint8Array[],
    mode: "replace" | "create-only",
  ): Promise<boolean> {
    const directory = `${path}/..`;
    const temporary = `${path}.${++this.state.temporaryCount}.tmp`;
    const owner = this.#owner;
    try {
      if (this.state.tree.find(directory) === undefined) this.makeDirectory(directory);
      await this.#writeTemporary(temporary, parts);
      // Others run between the steps, as they do on a real disk.
      await Promise.resolve();
      if (mode === "create-only" && this.state.tree.find(path) !== undefined) {
        this.remove(temporary);
        this.syncDirectory(directory);
        return false;
      }
      this.rename(temporary, path);
      await Promise.resolve();
      this.syncDirectory(directory);
      return true;
    } catch (error) {
      if (owner.isAlive && !this.state.isDown && !this.state.isReadOnly) this.#drop(temporary);
      throw error;
    }
  }

  #rename(from: string, to: string): void {
    const source = this.state.mustFindParent("rename", from);
    const target = this.state.mustFindParent("rename", to);
    const node = source.parent.live.get(source.name);
    if (node === undefined) throw missing("rename", from);
    const replaced = target.parent.live.get(target.name);
    if (replaced === node) return;
    if (replaced !== undefined && !canReplace(node, replaced)) {
      throw this.#refuse("rename", from, `"${to}" is in the way`);
    }
    this.state.tree.change(
      { directory: source.parent, name: source.name, node: undefined },
      { directory: target.parent, name: target.name, node },
    );
  }

  #remove(path: string): boolean {
    const node = this.state.tree.find(path);
    if (node === undefined) return false;
    if (node.kind === "directory" && node.live.size > 0) {
      throw this.#refuse("remove", path, "the directory is not empty");
    }
    const { parent, name } = this.state.mustFindParent("remove", path);
    this.state.tree.change({ directory: parent, name, node: undefined });
    return true;
  }

  async #writeTemporary(path: string, parts: readonly Uint8Array[]): Promise<void> {
    const file = this.open(path, "create-new");
    let offset = 0;
    for (const part of parts) {
      file.write(part, offset);
      offset += part.length;
      await Promise.resolve();
    }
    file.sync();
    file.close();
  }

  /** Takes a name away without a call that could fail in turn. */
  #drop(path: string): void {
    if (this.state.tree.find(path) === undefined) return;
    const { parent, name } = this.state.mustFindParent("remove", path);
    this.state.tree.change({ directory: parent, name, node: undefined });
  }

  #openNode(path: string, mode: FileMode): FileNode {
    const { parent, name } = this.state.mustFindParent("open", path);
    const found = parent.live.get(name);
    if (found?.kind === "directory") throw this.#refuse("open", path, "it is a directory");
    if (found !== undefined) return this.#openExisting(path, mode, found);
    if (mode === "read" || mode === "read-write") throw missing("open", path);
    if (this.state.isReadOnly) throw diskError("open", path, "read-only", "the disk is read-only");
    const node = this.state.createFile();
    this.state.tree.change({ directory: parent, name, node });
    return node;
  }

  #openExisting(path: string, mode: FileMode, node: FileNode): FileNode {
    if (mode === "create-new") {
      throw new GraftError("busy", `cannot open "${path}": it exists`, { details: { path } });
    }
    if (this.state.isReadOnly && mode !== "read") {
      throw diskError("open", path, "read-only", "the disk is read-only");
    }
    return node;
  }

  /**
   * Work cut off by a power loss may have been done: then it is there, or not, like all unsynced.
   */
  #perform<T>(operation: DiskOperation, path: string, work: () => T): T {
    this.state.enter(this.#owner, operation, path, (fault) => {
      if (fault.reason === "power-loss") work();
    });
    return work();
  }

  #enter(operation: DiskOperation, path: string): void {
    this.state.enter(this.#owner, operation, path);
  }

  #refuse(operation: DiskOperation, path: string, why: string): GraftError {
    return diskError(operation, path, "other", why);
  }
}

function canReplace(node: Node, replaced: Node): boolean {
  if (node.kind === "file") return replaced.kind === "file";
  return replaced.kind === "directory" && isEmpty(replaced);
}

function isEmpty(directory: DirectoryNode): boolean {
  return directory.live.size === 0;
}
