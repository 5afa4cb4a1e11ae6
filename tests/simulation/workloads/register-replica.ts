/**
 * One process on a replica of the register volume. The processes of a machine share the replica:
 * what each of them must read at a version is known to all.
 */
import type { Remote, SyncPolicy, Volume, VolumeReader } from "@graft/client";
import {
  type ClientId,
  invariant,
  MutablePageSet,
  type PageSet,
  pageRange,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { readTagsOf, tagOf, tagPage } from "../../harness/pages.ts";
import type { Process } from "../world/machine.ts";
import { ClientProcess, type ClientProcessParts, type Death } from "./client-process.ts";
import type { LocalHistory } from "./local-history.ts";
import { isSame, type RegisterModel, type Tags } from "./register-model.ts";
import { afterWeather, orWeather, weatherOf } from "./weather.ts";

/** A turn is what a client does that wants its commit to be the next one. */
export type SyncAction = "push" | "pull" | "reset" | "hydrate" | "turn";

/** What the replica of a machine holds, by what its processes did. */
export interface ReplicaModel {
  readonly byVersion: Map<number, Tags>;
  readonly history: LocalHistory;
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
  /** How it keeps itself current; absent: it pushes and pulls when told to. */
  readonly policy?: SyncPolicy;
  /** Whether it gives up, when it has diverged, what cannot be merged. */
  readonly resetsItself?: boolean;
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
      hasNews: this.#parts.policy !== undefined,
    });
    this.#clientId = runtime.clientId;
    return await runtime.openVolume(this.#parts.volumeId);
  }

  override async open(): Promise<void> {
    await super.open();
    if (!this.isOpen) return;
    const { volume } = this;
    this.#mustNotBeBehind(volume.status().snapshot.version);
    this.listen(volume);
    const { policy, resetsItself } = this.#parts;
    if (policy === undefined) return;
    const onDiverged = async (): Promise<void> => {
      const answer = await this.#reset(volume);
      this.world.history.note(`  ${this.name}: ${answer} by itself`);
    };
    volume.startSync({ ...policy, ...(resetsItself && { onDiverged }) });
  }

  /** Everything is pushed: whoever keeps itself current will hear of it. */
  async arriveAtHead(): Promise<void> {
    if (this.#parts.policy !== undefined) await this.arrive(this.volume, this.#parts.model.head);
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
      const pageCount = random.chance(0.3) ? random.integer(1, pageCountMax) : base.length;
      const writes = new Map<number, number>();
      const skipChance = random.pick([0.05, 0.6, 0.8, 0.95]);
      const always = random.integer(0, pageCount - 1);
      for (let at = 0; at < pageCount; at++) {
        if (at !== always && random.chance(skipChance)) continue;
        const tag = nextTag();
        writer.write(toPageIndex(at + 1), tagPage(writer.pageSize, tag));
        writes.set(at + 1, tag);
      }
      const { reads, read } = this.#drawReads(base);
      const transaction = { pageCountBefore: base.length, pageCount, reads: read, writes };
      const id = `${this.name}-${nextTag()}`;
      const note = { appTransactionId: id, ...(reads && { reads }) };
      const { replica } = this.#parts;
      // Also for one that fails on a broken disk: it may be there all the same, whole.
      replica.history.add(id, transaction);
      const outcome = writer.commit({ pageCount: toPageCount(pageCount), ...note });
      invariant(outcome.kind === "committed", "new numbers make a commit");
      replica.byVersion.set(outcome.version, replica.history.run(base, [id]));
      this.#tellAll(outcome.version);
    } finally {
      writer.rollback();
    }
  }

  /** The pages that a transaction says it has read, and what was in them. */
  #drawReads(base: Tags): { reads: PageSet | undefined; read: ReadonlyMap<number, number> } {
    const { random } = this.world;
    if (random.chance(0.3)) return { reads: undefined, read: new Map(base.map(toEntry)) };
    const chance = random.pick([0, 0.1, 0.5]);
    const read = new Map(base.map(toEntry).filter(() => random.chance(chance)));
    const reads = new MutablePageSet();
    for (const index of read.keys()) reads.insert(toPageIndex(index));
    return { reads, read };
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
        case "reset":
          return await this.#reset(volume);
      }
    } catch (error) {
      const code = weatherOf(error, this.world);
      if (code === undefined) throw error;
      if (code === "diverged") this.#mustDivergeFromOthers();
      if (volume.status().state === "unknown") history.reach("outcome unknown");
      return code;
    }
  }

  async #reset(volume: Volume): Promise<string> {
    const save = (reader: VolumeReader): Promise<void> => this.#check(reader);
    const { lsn, discardedCommitCount } = await volume.reset({ save });
    this.world.history.reach("reset");
    this.isDiverged = false;
    return `reset to ${lsn}, ${discardedCommitCount} discarded`;
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

  /** At rest: whoever asks long enough reads all that he must. */
  async examine(): Promise<void> {
    const reader = this.#openReader();
    try {
      await afterWeather(this.world, () => this.#check(reader));
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

  /** On the newest snapshot, whose contents are known from here on. */
  #openReader(): VolumeReader {
    for (;;) {
      const reader = this.volume.openReader();
      this.#mustNotBeBehind(reader.version);
      // Who asks what is pending is shown what other processes did in the meantime.
      const { snapshot } = this.volume.status();
      if (this.#parts.replica.byVersion.has(reader.version)) return reader;
      if (snapshot.version === reader.version) return reader;
      reader.close();
    }
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
    const pending = this.volume.pendingCommits().map((commit) => commit.appTransactionId);
    const tags = this.#parts.replica.history.run(this.#parts.model.at(reader.lsn), pending);
    this.#parts.replica.byVersion.set(reader.version, tags);
    this.#tellAll(reader.version);
    return tags;
  }

  /** All of the machine see it from now on. On a disk that fails they may not be told yet. */
  #tellAll(version: number): void {
    const { replica } = this.#parts;
    if (!this.machine.isDiskBroken) replica.versionMin = Math.max(replica.versionMin, version);
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

  /** Whether a push is what some first of the pending transactions make of its base. */
  #isMine(base: bigint | undefined, tags: Tags): boolean {
    const { history, byVersion } = this.#parts.replica;
    const pending = this.volume.pendingCommits().map((commit) => commit.appTransactionId);
    let result = this.#parts.model.at(base);
    for (const id of pending) {
      result = history.run(result, [id]);
      if (isSame(result, tags)) return true;
    }
    return [...byVersion.values()].some((mine) => isSame(mine, tags));
  }

  /** A remote whose requests the model hears before they leave. */
  #observed(remote: Remote): Remote {
    const { model } = this.#parts;
    return {
      ...remote,
      commit: async (request, signal) => {
        const tags = model.asked(request);
        const isFence = request.message === "fence";
        if (!isFence && !this.#isMine(request.base, tags))
          this.world.breaks(new Error(`nobody wrote [${tags}]`));
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

function toEntry(tag: number, at: number): readonly [index: number, tag: number] {
  return [at + 1, tag];
}
