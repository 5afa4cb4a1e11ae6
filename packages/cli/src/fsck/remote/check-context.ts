import type { Compute, VolumeId } from "@graft/core";
import type { ObjectStore, StoredObject } from "@graft/object-store";
import type { Report, Severity } from "../finding.ts";

/** What the check of a volume works with. */
export interface CheckMeans {
  readonly store: ObjectStore;
  readonly compute: Compute;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Told after each read. */
  readonly onRead: (bytes: number) => void;
  /** Frames are not read: sizes, footers and maps only. */
  readonly isQuick: boolean;
}

/** The means, bound to a volume. */
export class CheckContext {
  readonly volumeId: VolumeId;
  readonly compute: Compute;
  readonly signal: AbortSignal;
  readonly isQuick: boolean;
  readonly #means: CheckMeans;

  constructor(volumeId: VolumeId, means: CheckMeans) {
    this.volumeId = volumeId;
    this.compute = means.compute;
    this.signal = means.signal;
    this.isQuick = means.isQuick;
    this.#means = means;
  }

  /** An object or a part of it; undefined when it is not there. */
  async get(
    key: string,
    range?: { readonly offset: number; readonly size: number },
  ): Promise<StoredObject | undefined> {
    const { store, signal, onRead } = this.#means;
    const stored = await store.get(key, range === undefined ? { signal } : { signal, range });
    onRead(stored?.bytes.length ?? 0);
    return stored;
  }

  async sizeOf(key: string): Promise<number | undefined> {
    const { store, signal } = this.#means;
    return (await store.head(key, { signal }))?.size;
  }

  damage(object: string, condition: string): void {
    this.#tell("damage", object, condition);
  }

  warn(object: string, condition: string): void {
    this.#tell("warning", object, condition);
  }

  note(object: string, condition: string): void {
    this.#tell("note", object, condition);
  }

  #tell(severity: Severity, object: string, condition: string): void {
    this.#means.report({ severity, volume: this.volumeId, object, condition });
  }
}
