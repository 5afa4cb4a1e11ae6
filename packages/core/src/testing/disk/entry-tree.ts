import type { SeededRandom } from "../seeded-random.ts";
import type { FileNode } from "./file-node.ts";

/** A directory: the names programs see, and the names that outlive a power loss. */
export interface DirectoryNode {
  readonly kind: "directory";
  readonly id: number;
  modifiedMs: number;
  readonly live: Map<string, Node>;
  readonly durable: Map<string, Node>;
}

export type Node = FileNode | DirectoryNode;

/** One name set to a node, or removed. */
export interface EntryChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly node: Node | undefined;
}

export function createDirectoryNode(id: number, modifiedMs: number): DirectoryNode {
  return { kind: "directory", id, modifiedMs, live: new Map(), durable: new Map() };
}

/**
 * The names of the simulated disk. Changes made together (a rename) outlive a power loss together
 * or not at all; those of different calls do so independently, until their directory is synced.
 */
export class EntryTree {
  readonly root: DirectoryNode = createDirectoryNode(1, 0);
  #pending: (readonly EntryChange[])[] = [];

  /** What programs see at the path; undefined when nothing. */
  find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const part of splitPath(path)) {
      if (node?.kind !== "directory") return undefined;
      node = node.live.get(part);
    }
    return node;
  }

  /** Changes names at once, for programs; for the platter when synced. */
  change(...changes: readonly EntryChange[]): void {
    for (const change of changes) applyChange(change.directory.live, change);
    this.#pending.push(changes);
  }

  /** Makes the directory's changes durable, and those earlier ones that they build on. */
  sync(directory: DirectoryNode): void {
    const needed = new Set<readonly EntryChange[]>();
    const names = new Set<string>();
    for (const changes of this.#pending.toReversed()) {
      const isNeeded = changes.some((one) => one.directory === directory || names.has(keyOf(one)));
      if (!isNeeded) continue;
      needed.add(changes);
      for (const one of changes) names.add(keyOf(one));
    }
    this.#writeBack((changes) => needed.has(changes));
    this.#pending = this.#pending.filter((changes) => !needed.has(changes));
  }

  /** Some unsynced changes reached the platter, the others never happened. */
  losePower(random: SeededRandom, survival: number): void {
    this.#writeBack(() => random.chance(survival));
    this.#pending = [];
    this.#reload(this.root, random, survival);
  }

  #writeBack(isWritten: (changes: readonly EntryChange[]) => boolean): void {
    for (const changes of this.#pending) {
      if (!isWritten(changes)) continue;
      for (const change of changes) applyChange(change.directory.durable, change);
    }
  }

  #reload(directory: DirectoryNode, random: SeededRandom, survival: number): void {
    directory.live.clear();
    for (const [name, node] of directory.durable) {
      directory.live.set(name, node);
      if (node.kind === "directory") this.#reload(node, random, survival);
      else node.losePower(random, survival);
    }
  }
}

/** Few paths are asked for, again and again. */
const SPLIT_PATHS_MAX = 1024;
const splitPaths = new Map<string, readonly string[]>();

/** Parts of a path; "", "." and a leading "/" count for nothing, ".." goes up. */
export function splitPath(path: string): readonly string[] {
  const known = splitPaths.get(path);
  if (known !== undefined) return known;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  if (splitPaths.size >= SPLIT_PATHS_MAX) splitPaths.clear();
  splitPaths.set(path, parts);
  return parts;
}

function keyOf(change: EntryChange): string {
  return `${change.directory.id}/${change.name}`;
}

function applyChange(names: Map<string, Node>, { name, node }: EntryChange): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}
