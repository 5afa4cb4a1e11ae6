import type { SeededRandom } from "../seeded-random.ts";
import { GrowingBytes } from "./growing-bytes.ts";

/** What a disk writes all of or nothing of, bytes. */
export const SECTOR_SIZE = 512;

/** Unsynced changes a file may have; then the older half is written back, as a kernel does. */
const PENDING_COUNT_MAX = 4096;

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

/**
 * A file of the simulated disk: what programs see, what the platter holds, and the changes between.
 *
 *     live ═ durable + pending        sync: pending → durable        power loss: live ← durable + some
 */
export class FileNode {
  readonly kind = "file";
  readonly id: number;
  modifiedMs: number;
  readonly #live = new GrowingBytes();
  readonly #durable = new GrowingBytes();
  #pending: Change[] = [];

  constructor(id: number, modifiedMs: number) {
    this.id = id;
    this.modifiedMs = modifiedMs;
  }

  get size(): number {
    return this.#live.size;
  }

  read(target: Uint8Array, offset: number): number {
    return this.#live.read(target, offset);
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#live.write(bytes, offset);
    this.#change({ kind: "write", offset, bytes: bytes.slice() });
  }

  truncate(size: number): void {
    this.#live.resize(size);
    this.#change({ kind: "truncate", size });
  }

  sync(): void {
    this.#writeBack(this.#pending.length);
  }

  /**
   * A sync that failed: some of the pending changes got through, the others never will, although
   * programs still see them. That is what Linux does after a write error.
   */
  failSync(random: SeededRandom, survival: number): void {
    this.#surviveSome(random, survival);
  }

  losePower(random: SeededRandom, survival: number): void {
    this.#surviveSome(random, survival);
    this.#live.copyFrom(this.#durable);
  }

  corrupt(offset: number, count: number, mask: number): void {
    this.#live.flip(offset, count, mask);
    this.#writeBack(this.#pending.length);
    this.#durable.copyFrom(this.#live);
  }

  #change(change: Change): void {
    this.#pending.push(change);
    if (this.#pending.length > PENDING_COUNT_MAX) this.#writeBack(PENDING_COUNT_MAX / 2);
  }

  #writeBack(count: number): void {
    for (const change of this.#pending.splice(0, count)) {
      if (change.kind === "write") this.#durable.write(change.bytes, change.offset);
      else this.#durable.resize(change.size);
    }
  }

  /** Each sector of each change reaches the platter or not, by itself: torn and out of order. */
  #surviveSome(random: SeededRandom, survival: number): void {
    for (const change of this.#pending.splice(0)) {
      if (change.kind === "truncate") {
        if (random.chance(survival)) this.#durable.resize(change.size);
        continue;
      }
      const { offset, bytes } = change;
      const end = offset + bytes.length;
      // The size may be on the platter without the data: then zeros are read.
      if (end > this.#durable.size && random.chance(survival)) this.#durable.resize(end);
      for (let at = offset; at < end; ) {
        const next = Math.min(end, at - (at % SECTOR_SIZE) + SECTOR_SIZE);
        if (random.chance(survival)) {
          this.#durable.write(bytes.subarray(at - offset, next - offset), at);
        }
        at = next;
      }
    }
  }
}
