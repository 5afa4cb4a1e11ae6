/**
 * Replays of pending commits, read when somebody asks: in the record of the commit, or behind the
 * entries of an index. A generation that is gone took its replays along to the next one.
 */
import { type FileSystem, GraftError, invariant, isGraftError, type VolumeId } from "@graft/core";
import { partsOf, type ReplayPlace } from "../local-commit.ts";
import { corruptFile } from "./corrupt-file.ts";
import { readIndexState } from "./index-file.ts";
import type { StoreFiles } from "./store-files.ts";
import { xxh32Of } from "./xxh32.ts";

/** Generations that may come and go while a replay is read. */
const ATTEMPTS_MAX = 50;

export interface StoredReplaysPlace {
  readonly fileSystem: FileSystem;
  readonly files: StoreFiles;
  readonly volumeId: VolumeId;
}

export class StoredReplays {
  readonly #place: StoredReplaysPlace;
  /** Where the newest index that was looked into has them, by version. */
  #found: { readonly generation: number; readonly places: ReadonlyMap<number, ReplayPlace> } = {
    generation: 0,
    places: new Map(),
  };

  constructor(place: StoredReplaysPlace) {
    this.#place = place;
  }

  /** @throws GraftError `corrupt`, `io` · `not-found`: the commit pends no more */
  read(version: number, place: ReplayPlace): Uint8Array {
    let at = this.#found.places.get(version) ?? place;
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#readAt(at);
      } catch (error) {
        if (!isGraftError(error, "not-found") || attempt === ATTEMPTS_MAX) throw error;
        at = this.#find(version);
      }
    }
  }

  #readAt(place: ReplayPlace): Uint8Array {
    invariant(place.kind !== "memory", "a replay of this store is in a file");
    const { fileSystem, files } = this.#place;
    const path = place.kind === "log" ? files.log(place.generation) : files.index(place.generation);
    const file = fileSystem.open(path, "read");
    try {
      const bytes = new Uint8Array(place.size);
      const count = file.read(bytes, place.offset);
      if (count < place.size || xxh32Of(bytes) !== place.checksum) {
        throw corruptFile(path, place.offset, "the replay of a pending commit fails its checksum");
      }
      return bytes;
    } finally {
      file.close();
    }
  }

  #find(version: number): ReplayPlace {
    const { fileSystem, files, volumeId } = this.#place;
    const generation = files.list(fileSystem).indexes.at(-1) ?? 0;
    if (generation !== this.#found.generation) {
      this.#found = { generation, places: this.#placesIn(generation, volumeId) };
    }
    const place = this.#found.places.get(version);
    if (place !== undefined) return place;
    throw new GraftError("not-found", `the local commit of version ${version} pends no more`);
  }

  #placesIn(generation: number, volumeId: VolumeId): Map<number, ReplayPlace> {
    const { fileSystem, files } = this.#place;
    const path = files.index(generation);
    const file = fileSystem.open(path, "read");
    try {
      const { state } = readIndexState({ file, path, generation, volumeId });
      const places = new Map<number, ReplayPlace>();
      for (const commit of state.state.pending) {
        const { version, replay } = partsOf(commit);
        if (replay !== undefined) places.set(version, replay);
      }
      return places;
    } finally {
      file.close();
    }
  }
}
