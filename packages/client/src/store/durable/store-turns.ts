import type { FileLock, ReusableLock } from "@graft/core";
import { Turn } from "../turn.ts";
import type { StorePlace } from "./store-disk.ts";

/**
 * The turns to write and to speak with the server, across processes. Their locks are opened when
 * they are first wanted: most volumes of an application are only read.
 */
export class StoreTurns {
  readonly #place: StorePlace;
  readonly #writes = new Turn();
  readonly #sync = new Turn();
  #writeLock: ReusableLock | undefined;

  constructor(place: StorePlace) {
    this.#place = place;
  }

  /** Undefined while another process, or another caller in this one, has it. */
  lockWrites(): FileLock | undefined {
    const { fileSystem, files } = this.#place;
    this.#writeLock ??= fileSystem.openLock(files.writeLock);
    const lock = this.#writeLock;
    return both(this.#writes.take(), () =>
      lock.tryLock() ? { close: () => lock.unlock() } : undefined,
    );
  }

  /** The same. Speaking with a server takes long: this lock may. */
  lockSync(): FileLock | undefined {
    const { fileSystem, files } = this.#place;
    return both(this.#sync.take(), () => fileSystem.lock(files.syncLock));
  }

  close(): void {
    this.#writeLock?.close();
  }
}

/** The lock of the process, and then the one across processes. */
function both(inner: FileLock | undefined, take: () => FileLock | undefined): FileLock | undefined {
  if (inner === undefined) return undefined;
  let outer: FileLock | undefined;
  try {
    outer = take();
  } finally {
    if (outer === undefined) inner.close();
  }
  if (outer === undefined) return undefined;
  const held = outer;
  let isOpen = true;
  return {
    close(): void {
      if (!isOpen) return;
      isOpen = false;
      held.close();
      inner.close();
    },
  };
}
