import type { Clock } from "../clock.ts";
import type { DiskFault, DiskOperation } from "./disk/disk-faults.ts";
import { DiskState, missing } from "./disk/disk-state.ts";
import { SimulatedFileSystem } from "./disk/simulated-file-system.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface SimulatedDiskOptions {
  /** Decides what a power loss spares. Default: seed 1. */
  readonly random?: SeededRandom;
  /** For modification times. Default: they only grow. */
  readonly clock?: Clock;
  /** Bytes of all files together. Default: endless. */
  readonly capacity?: number;
}

/**
 * How likely an unsynced sector or name is there after a power loss: sometimes none is, or all are.
 */
const SURVIVALS: readonly number[] = [0, 0.1, 0.5, 0.9, 1];

/**
 * A disk in memory, and a `FileSystem` as honest as the worst real one: after `crash()`, of
 * everything that was not synced each sector of each write and each name is there or not,
 * independently. It can also be full, read-only, rotten, or fail at any call.
 */
export class SimulatedDisk extends SimulatedFileSystem {
  readonly #processes = new Set<SimulatedFileSystem>();

  constructor({ random = new SeededRandom(1), clock, capacity }: SimulatedDiskOptions = {}) {
    super(new DiskState(random, clock));
    if (capacity !== undefined) this.state.capacity = capacity;
  }

  /** Another process on the same machine: own handles and locks, same files. */
  openProcess(): SimulatedFileSystem {
    const process = new SimulatedFileSystem(this.state);
    this.#processes.add(process);
    return process;
  }

  /**
   * Power loss and restart: open files and locks of all processes are gone, and so is, by chance,
   * what was not synced.
   *
   * @param survival the chance of each unsynced sector and name, 0 … 1. Default: drawn
   */
  crash(survival: number = this.state.random.pick(SURVIVALS)): void {
    for (const process of this.#processes) process.kill();
    this.kill();
    this.state.losePower(survival);
  }

  /** Arms a fault. Several may wait at once. */
  inject(fault: DiskFault): void {
    this.state.faults.add(fault);
  }

  /** Disarms all faults. */
  clearFaults(): void {
    this.state.faults.clear();
  }

  /** Bytes of all files together; a write beyond it is cut short and fails as `full`. */
  set capacity(size: number) {
    this.state.capacity = size;
  }

  /** Bytes of all files together now. */
  get size(): number {
    return this.state.usedSize;
  }

  set isReadOnly(isReadOnly: boolean) {
    this.state.isReadOnly = isReadOnly;
  }

  /** True after a `power-loss` fault, until `crash()`. */
  get isDown(): boolean {
    return this.state.isDown;
  }

  /** Bit rot: inverts the bits of `mask` in `count` bytes, for good. */
  corrupt(path: string, offset: number, count = 1, mask = 0xff): void {
    const node = this.state.tree.find(path);
    if (node?.kind !== "file") throw missing("write", path);
    node.corrupt(offset, count, mask);
  }

  /** How often each call was made, so that a test can count flushes. */
  count(operation: DiskOperation): number {
    return this.state.counts.get(operation) ?? 0;
  }
}
