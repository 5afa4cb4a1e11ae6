import type { Clock } from "../../clock.ts";
import { GraftError } from "../../error.ts";
import type { SeededRandom } from "../seeded-random.ts";
import {
  type DiskFault,
  DiskFaults,
  type DiskOperation,
  diskError,
  isChange,
} from "./disk-faults.ts";
import {
  createDirectoryNode,
  type DirectoryNode,
  EntryTree,
  type Node,
  splitPath,
} from "./entry-tree.ts";
import { FileNode } from "./file-node.ts";

/** A process on the simulated machine: its handles and locks die with it. */
export interface Owner {
  isAlive: boolean;
}

/** What all processes of one simulated machine share. */
export class DiskState {
  readonly tree: EntryTree = new EntryTree();
  readonly faults: DiskFaults = new DiskFaults();
  readonly locks: Map<Node, { readonly owner: Owner }> = new Map();
  readonly counts: Map<DiskOperation, number> = new Map();
  readonly random: SeededRandom;
  readonly #clock: Clock | undefined;
  capacity: number = Number.POSITIVE_INFINITY;
  isReadOnly = false;
  isDown = false;
  /** Temporary names given out, to all processes: no two are alike, also after a crash. */
  temporaryCount = 0;
  #nodeCount = 1;

  constructor(random: SeededRandom, clock: Clock | undefined) {
    this.random = random;
    this.#clock = clock;
  }

  /**
   * Counts the call and lets it go ahead, or fails it. `onFault` is told first: half the work of a
   * failing call may have been done.
   */
  enter(
    owner: Owner,
    operation: DiskOperation,
    path: string,
    onFault?: (fault: DiskFault) => void,
  ): void {
    if (this.isDown) throw diskError(operation, path, "other", "the machine is down");
    if (!owner.isAlive) throw diskError(operation, path, "other", "this process was killed");
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1);
    if (this.isReadOnly && isChange(operation)) {
      throw diskError(operation, path, "read-only", "the disk is read-only");
    }
    const fault = this.faults.meet(operation, path);
    if (fault === undefined) return;
    onFault?.(fault);
    if (fault.reason === "death") {
      this.killOwner(owner);
      throw diskError(operation, path, "other", "this process was killed");
    }
    if (fault.reason !== "power-loss") throw diskError(operation, path, fault.reason, "injected");
    this.isDown = true;
    throw diskError(operation, path, "other", "the power went out");
  }

  /** A process is gone, and with it its handles and locks. */
  killOwner(owner: Owner): void {
    owner.isAlive = false;
    for (const [node, lock] of this.locks) if (lock.owner === owner) this.locks.delete(node);
  }

  createFile(): FileNode {
    return new FileNode(++this.#nodeCount, this.nowMs());
  }

  createDirectory(): DirectoryNode {
    return createDirectoryNode(++this.#nodeCount, this.nowMs());
  }

  /** The clock's time; without a clock, all that was done so far, as a count. */
  nowMs(): number {
    if (this.#clock !== undefined) return this.#clock.nowMs();
    let count = 0;
    for (const each of this.counts.values()) count += each;
    return count;
  }

  /** Bytes of all files together. */
  get usedSize(): number {
    return sizeOf(this.tree.root);
  }

  /** Bytes that may still be added. */
  get freeSize(): number {
    if (this.capacity === Number.POSITIVE_INFINITY) return this.capacity;
    return Math.max(0, this.capacity - this.usedSize);
  }

  /** The directory that holds the last part of the path, and that part. */
  mustFindParent(operation: DiskOperation, path: string): { parent: DirectoryNode; name: string } {
    const parts = splitPath(path);
    const name = parts.at(-1);
    const parent = this.tree.find(parts.slice(0, -1).join("/"));
    if (name === undefined || parent?.kind !== "directory") throw missing(operation, path);
    return { parent, name };
  }

  /** Everything unsynced may be gone; handles and locks are. */
  losePower(survival: number): void {
    this.locks.clear();
    this.isDown = false;
    this.tree.losePower(this.random, survival);
  }
}

/** The path does not exist. */
export function missing(operation: DiskOperation, path: string): GraftError {
  const message = `cannot ${operation.replace("-", " ")} "${path}": it does not exist`;
  return new GraftError("not-found", message, { details: { path } });
}

function sizeOf(node: Node): number {
  if (node.kind === "file") return node.size;
  let size = 0;
  for (const child of node.live.values()) size += sizeOf(child);
  return size;
}
