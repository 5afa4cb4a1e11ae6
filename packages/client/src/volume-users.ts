import type { PageSet, PageSize } from "@graft/core";
import { LocalWriter } from "./local-writer.ts";
import type { PageFetcher } from "./page-fetcher.ts";
import { PinnedReader } from "./pinned-reader.ts";
import type { LocalStore } from "./store/local-store.ts";
import type { Footprint } from "./sync/merge.ts";
import type { VolumeReader } from "./volume-reader.ts";
import type { VolumeWriter } from "./volume-writer.ts";
import type { WriteGate } from "./write-gate.ts";

export interface VolumeUsersMeans {
  readonly store: LocalStore;
  readonly gate: WriteGate;
  readonly fetcher: PageFetcher;
  pageSize(): PageSize;
  /** @throws GraftError `invalid-argument`: the volume is closed */
  mustBeOpen(): void;
  /** As `WriterHooks.hasChange`. */
  hasChange(): boolean;
  /** As `WriterHooks.letNewsIn`. */
  letNewsIn(transaction: () => Footprint): PageSet | undefined;
  /** `isInner`: by who has the write lock already. */
  onCommitted(version: number, isInner: boolean): void;
}

/** Who reads and writes a volume now, in this process. */
export class VolumeUsers {
  readonly #means: VolumeUsersMeans;
  readonly #readers = new Set<PinnedReader>();
  #writer: LocalWriter | undefined;

  constructor(means: VolumeUsersMeans) {
    this.#means = means;
  }

  openReader(): VolumeReader {
    const { store, fetcher, pageSize, mustBeOpen } = this.#means;
    mustBeOpen();
    const reader = new PinnedReader({
      pin: store.pin(),
      pageSize: pageSize(),
      store,
      fetcher,
      onClose: (closed) => this.#readers.delete(closed),
    });
    this.#readers.add(reader);
    return reader;
  }

  /** Undefined while somebody writes. */
  openWriter(): VolumeWriter | undefined {
    const { gate, mustBeOpen } = this.#means;
    mustBeOpen();
    if (!gate.tryEnter()) return undefined;
    try {
      return this.#openWriter(false, () => gate.leave());
    } catch (error) {
      // A disk that fails may keep the snapshot from it: whoever is next tries again.
      gate.leave();
      throw error;
    }
  }

  /** For who has the write lock already, and keeps it. Undefined while it writes. */
  openInnerWriter(): VolumeWriter | undefined {
    this.#means.mustBeOpen();
    return this.#writer === undefined ? this.#openWriter(true, () => undefined) : undefined;
  }

  /** Ends all of them. */
  end(): void {
    try {
      this.#writer?.rollback();
    } finally {
      for (const reader of [...this.#readers]) reader.close();
    }
  }

  #openWriter(isInner: boolean, leave: () => void): VolumeWriter {
    const { store, mustBeOpen, hasChange, letNewsIn, onCommitted } = this.#means;
    const writer = new LocalWriter(this.openReader(), store, {
      mustBeOpen,
      hasChange,
      letNewsIn,
      openReader: () => this.openReader(),
      onCommitted: (version) => onCommitted(version, isInner),
      onEnd: () => {
        this.#writer = undefined;
        leave();
      },
    });
    this.#writer = writer;
    return writer;
  }
}
