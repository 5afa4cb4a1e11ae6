import { invariant } from "../../assert.ts";
import type { File, FileMode } from "../../file-system.ts";
import { type DiskFault, type DiskOperation, diskError } from "./disk-faults.ts";
import type { DiskState, Owner } from "./disk-state.ts";
import type { FileNode } from "./file-node.ts";

/** An open file of the simulated disk. It goes on working after its name is gone. */
export class SimulatedFile implements File {
  readonly #state: DiskState;
  readonly #owner: Owner;
  readonly #path: string;
  readonly #node: FileNode;
  readonly #isWritable: boolean;
  #isOpen = true;

  constructor(state: DiskState, owner: Owner, path: string, node: FileNode, mode: FileMode) {
    this.#state = state;
    this.#owner = owner;
    this.#path = path;
    this.#node = node;
    this.#isWritable = mode !== "read";
  }

  read(target: Uint8Array, offset: number): number {
    invariant(Number.isSafeInteger(offset) && offset >= 0, "a file is read at an offset ≥ 0");
    this.#enter("read");
    return this.#node.read(target, offset);
  }

  write(bytes: Uint8Array, offset: number): void {
    invariant(Number.isSafeInteger(offset) && offset >= 0, "a file is written at an offset ≥ 0");
    this.#enter("write", () => this.#writePart(bytes, offset));
    const sizeMax = this.#node.size + this.#state.freeSize;
    if (offset + bytes.length > sizeMax) {
      if (offset < sizeMax) this.#change(bytes.subarray(0, sizeMax - offset), offset);
      throw diskError("write", this.#path, "full", "the disk is full");
    }
    this.#change(bytes, offset);
  }

  truncate(size: number): void {
    invariant(Number.isSafeInteger(size) && size >= 0, "a file has a size ≥ 0");
    this.#enter("truncate");
    this.#node.truncate(size);
    this.#node.modifiedMs = this.#state.nowMs();
  }

  size(): number {
    this.#enter("stat");
    return this.#node.size;
  }

  sync(): void {
    const { random } = this.#state;
    this.#enter("sync", (fault) => {
      const isIntact = fault.reason === "power-loss" || fault.reason === "death";
      if (!isIntact) this.#node.failSync(random, random.unit());
    });
    this.#node.sync();
  }

  close(): void {
    this.#isOpen = false;
  }

  #change(bytes: Uint8Array, offset: number): void {
    this.#node.write(bytes, offset);
    this.#node.modifiedMs = this.#state.nowMs();
  }

  /** A write that fails has often written something. */
  #writePart(bytes: Uint8Array, offset: number): void {
    this.#change(bytes.subarray(0, this.#state.random.integer(0, bytes.length)), offset);
  }

  #enter(operation: DiskOperation, onFault?: (fault: DiskFault) => void): void {
    if (!this.#isOpen) throw diskError(operation, this.#path, "other", "the file is closed");
    const isChange = operation === "write" || operation === "truncate";
    if (isChange && !this.#isWritable) {
      throw diskError(operation, this.#path, "other", "the file was opened for reading");
    }
    this.#state.enter(this.#owner, operation, this.#path, onFault);
  }
}
