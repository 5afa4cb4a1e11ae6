/** The names of a store's files, in both directions (docs/formats/local-store.md). */
import type { FileSystem } from "@graft/core";

/** Processes that can share a store. */
export const PROCESS_COUNT_MAX = 64;
const NUMBERED = /^(index|log)-([0-9a-f]{8})$/;

export class StoreFiles {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get pages(): string {
    return `${this.directory}/pages`;
  }

  get synced(): string {
    return `${this.directory}/synced`;
  }

  /** Held while the log is changed. */
  get appendLock(): string {
    return `${this.directory}/append.lock`;
  }

  /** Held over a write transaction. */
  get writeLock(): string {
    return `${this.directory}/write.lock`;
  }

  /** Held by who speaks with the server. */
  get syncLock(): string {
    return `${this.directory}/sync.lock`;
  }

  /** What a process says of itself. */
  process(place: number): string {
    return `${this.directory}/process-${place}`;
  }

  /** Held by the process while it lives. */
  processLock(place: number): string {
    return `${this.process(place)}.lock`;
  }

  index(generation: number): string {
    return `${this.directory}/index-${hex(generation)}`;
  }

  indexDraft(generation: number): string {
    return `${this.index(generation)}.tmp`;
  }

  log(generation: number): string {
    return `${this.directory}/log-${hex(generation)}`;
  }

  /** What is there. Generations ascend. */
  list(fileSystem: FileSystem): StoreListing {
    const names = fileSystem.list(this.directory) ?? [];
    const indexes: number[] = [];
    const logs: number[] = [];
    for (const name of names) {
      const [, kind, digits] = NUMBERED.exec(name) ?? [];
      if (digits !== undefined) {
        (kind === "index" ? indexes : logs).push(Number.parseInt(digits, 16));
      }
    }
    const drafts = names.filter((name) => /^index-[0-9a-f]{8}\.tmp$/.test(name));
    return { indexes, logs, drafts: drafts.map((name) => `${this.directory}/${name}`) };
  }
}

export interface StoreListing {
  readonly indexes: readonly number[];
  readonly logs: readonly number[];
  /** Paths of unfinished indexes. */
  readonly drafts: readonly string[];
}

function hex(generation: number): string {
  return generation.toString(16).padStart(8, "0");
}
