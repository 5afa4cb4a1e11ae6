/**
 * One process on a replica of the register volume. The processes of a machine share the replica:
 * what each of them must read at a version is known to all.
 */
import type { Remote, Volume, VolumeReader } from "@graft/client";
import {
  type ClientId,
  invariant,
  pageRange,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { readTagsOf, tagOf, tagPage } from "../../harness/pages.ts";
import type { Process } from "../world/machine.ts";
import { ClientProcess, type ClientProcessParts, type Death } from "./client-process.ts";
import { isSame, type RegisterModel, type Tags } from "./register-model.ts";
import { orWeather, weatherOf } from "./weather.ts";

/** A turn is what a client does that wants its commit to be the next one. */
export type SyncAction = "push" | "pull" | "reset" | "hydrate" | "turn";

/** What the replica of a machine holds, by what its processes did. */
export interface ReplicaModel {
  readonly byVersion: Map<number, Tags>;
  /** The newest version that somebody saw or was told of: none may see an older one any more. */
  versionMin: number;
}

export interface RegisterReplicaParts extends ClientProcessParts {
  readonly replica: ReplicaModel;
  readonly model: RegisterModel;
  readonly volumeId: VolumeId;
  readonly pageCountMax: number;
  /** Bytes of pages above which clean ones are evicted. */
  readonly cacheSizeMax: number;
  readonly nextTag: () => number;
}

export class RegisterReplica extends ClientProcess<Volume> {
  readonly #parts: RegisterReplicaParts;
  #clientId: ClientId | undefined;
  #pinned: { readonly reader: VolumeReader; readonly tags: Tags } | undefined;

  constructor(parts: RegisterReplicaParts) {
    super(parts);
    this.#parts = parts;
  }

  get volume(): Volume {
    return this.opened;
  }

  get state(): string {
    return this.volume.status().state;
  }

  protected async boot(means: Process): Promise<Volume> {
    const runtime = await this.machine.openRuntime(means, {
      remote: this.#observed(means.remote),
      cacheSizeMax: this.#parts.cacheSizeMax,
    });
    this.#clientId = runtime.clientId;
    return await runtime.openVolume(this.#parts.volumeId);
  }

  override async open(): Promise<void> {
    await super.open();
    if (this.isOpen) this.#mustNotBeBehind(this.volume.status().snapshot.version);
  }

  override die(how: Death): void {
    super.die(how);
    this.#pinned = undefined;
  }

  commit(): void {
    const { nextTag, pageCountMax } = this.#parts;
    const { random } = this.world;
    const writer = this.volume.openWriter();
    if (writer === undefined) return;
    try {
      this.#mustNotBeBehind(writer.base.version);
      const base = this.#expected(writer.base);
      const pageCount = random.integer(1, pageCountMax);
      const tags = Array.from({ length: pageCount }, (_, at) => base[at] ?? 0);
      const skipChance = random.pick([0.05, 0.6, 0.8]);
      const always = random.integer(0, pageCount - 1);
      for (let at = 0; at < pageCount; at++) {
        if (at !== always && random.chance(skipChance)) continue;
        const tag = nextTag();
        writer.write(toPageIndex(at + 1), tagPage(writer.pageSize, tag));
        tags[at] = tag;
      }
      const outcome = writer.commit({ pageCount: toPageCount(pageCount) });
      invariant(outcome.kind === "committed", "new numbers make a commit");
      this.#parts.replica.byVersion.set(outcome.version, tags);
      this.#parts.replica.versionMin = outcome.version;
    } finally {
      writer.rollback();
    }
  }

  /** Does it with the server. Answers what became of it. */
  async sync(action: SyncAction): Promise<string> {
    const { volume } = this;
    const { history } = this.world;
    try {
      switch (action) {
        case "push": {
          const result = await volume.push();
          if (result.kind !== "pushed") return result.kind;
          const { model } = this.#parts;
          if (result.lsn > model.acknowledged) model.acknowledged = result.lsn;
          return `pushed ${result.lsn}`;
        }
        case "pull": {
          const { acknowledged } = this.#parts.model;
          const { lsn = 0n } = await volume.pull();
          invariant(lsn >= acknowledged, `a pull finds LSN ${lsn}, after ${acknowledged}`);
          return `at ${lsn}`;
        }
        case "turn":
          await volume.pull();
          if (this.isStill(volume)) this.commit();
          return (await volume.push()).kind;
        case "hydrate":
          return `fetched ${(await volume.hydrate()).fetchedPageCount}`;
        case "reset": {
          const save = (reader: VolumeReader): Promise<void> => this.#check(reader);
          const { lsn, discardedCommitCount } = await volume.reset({ save });
          history.reach("reset");
          this.isDiverged = false;
          return `reset to ${lsn}, ${discardedCommitCount} discarded`;
        }
      }
    } catch (error) {
      const code = weatherOf(error, this.world);
      if (code === undefined) throw error;
      if (code === "diverged") this.#mustDivergeFromOthers();
      if (volume.status().state === "unknown") history.reach("outcome unknown");
      return code;
    }
  }

  /** Who finds its own commit where it wanted to put it has been committed, not overtaken. */
  #mustDivergeFromOthers(): void {
    const { model } = this.#parts;
    this.world.history.reach("diverged");
    this.isDiverged = true;
    const { lsn = 0n } = this.volume.status().remote;
    const author = model.authorAt(lsn + 1n);
    invariant(author !== this.#clientId, `LSN ${lsn + 1n} was committed by another client`);
  }

  /** Reads all pages, or one, of the newest snapshot, and compares. */
  async read(how: "all" | "one"): Promise<string> {
    const reader = this.#openReader();
    try {
      return await orWeather(this.world, async () => {
        if (how === "all") await this.#check(reader);
        else await this.#checkOne(reader);
        return "right";
      });
    } finally {
      reader.close();
    }
  }

  /** Pins a snapshot, or checks the one that is pinned and lets it go. */
  async turnPin(): Promise<string> {
    const pinned = this.#pinned;
    if (pinned === undefined) {
      const reader = this.#openReader();
      this.#pinned = { reader, tags: this.#expected(reader) };
      return "pinned";
    }
    this.#pinned = undefined;
    try {
      return await orWeather(this.world, async () => {
        await this.#check(pinned.reader, pinned.tags);
        return "unchanged";
      });
    } finally {
      pinned.reader.close();
    }
  }

  #openReader(): VolumeReader {
    const reader = this.volume.openReader();
    this.#mustNotBeBehind(reader.version);
    return reader;
  }

  /** What one process was told of, all of the machine see from then on. */
  #mustNotBeBehind(version: number): void {
    const { versionMin } = this.#parts.replica;
    invariant(version >= versionMin, `version ${version} is read, and ${versionMin} is not lost`);
  }

  /** What a reader must read: what was written at its version, or what its LSN holds. */
  #expected(reader: VolumeReader): Tags {
    const known = this.#parts.replica.byVersion.get(reader.version);
    if (known !== undefined) return known;
    const tags = this.#parts.model.at(reader.lsn);
    invariant(this.volume.pendingCommits().length === 0, "an unknown version holds no local work");
    this.#parts.replica.byVersion.set(reader.version, tags);
    this.#parts.replica.versionMin = Math.max(this.#parts.replica.versionMin, reader.version);
    return tags;
  }

  async #check(reader: VolumeReader, expected: Tags = this.#expected(reader)): Promise<void> {
    const found = reader.pageCount === 0 ? [] : await readTagsOf(reader);
    if (isSame(found, expected)) return;
    throw new Error(
      `version ${reader.version} at LSN ${reader.lsn}: [${found}], not [${expected}]`,
    );
  }

  async #checkOne(reader: VolumeReader): Promise<void> {
    const expected = this.#expected(reader);
    invariant(reader.pageCount === expected.length, `version ${reader.version} has its page count`);
    if (reader.pageCount === 0) return;
    const index = this.world.random.integer(1, reader.pageCount);
    await reader.fetch(pageRange(index, index));
    const page = new Uint8Array(reader.pageSize);
    invariant(reader.read(toPageIndex(index), page), `page ${index} is here after its fetch`);
    invariant(tagOf(page) === expected[index - 1], `page ${index} of version ${reader.version}`);
  }

  /** A remote whose requests the model hears before they leave. */
  #observed(remote: Remote): Remote {
    const { model } = this.#parts;
    return {
      ...remote,
      commit: async (request, signal) => {
        const tags = model.asked(request);
        const isFence = request.message === "fence";
        const isMine =
          isFence || [...this.#parts.replica.byVersion.values()].some((mine) => isSame(mine, tags));
        if (!isMine) this.world.breaks(new Error(`nobody wrote [${tags}]`));
        const answer = await remote.commit(request, signal);
        if (answer.kind === "committed") {
          invariant(isSame(model.at(answer.snapshot.lsn), tags), "the answer is about this commit");
        }
        return answer;
      },
      writePages: async (volumeId, pageSize, pages, signal) => {
        const segments = await remote.writePages(volumeId, pageSize, pages, signal);
        model.uploaded(segments, pages);
        return segments;
      },
    };
  }
}
