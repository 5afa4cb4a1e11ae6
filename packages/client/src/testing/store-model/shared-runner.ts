import {
  type CommitId,
  MutablePageSet,
  type PageIndex,
  type PageSize,
  parseCommitId,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import type { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import type { LocalStore, RemotePoint } from "../../store/local-store.ts";
import { commitBeside } from "./mergeable-commit.ts";
import { bytesOf, RemoteModel } from "./remote-model.ts";
import { describeState, type HeldPin, noteFor, ReplicaModel } from "./replica-model.ts";
import { checkPin, checkState, type SharedWorld, sendPush } from "./shared-checks.ts";
import { SHARED_STEPS, type SharedStep } from "./shared-steps.ts";

/** Pages a volume may have: enough for slots to be searched and used again. */
const PAGE_MAX = 40;
const PROCESS_COUNT_MAX = 4;
const PINS_MAX = 4;
/** How often a call may be the last of its process, and a step the last of the machine. */
const DEATH_CHANCE = 0.15;
const POWER_LOSS_CHANCE = 0.02;

type ProcessDisk = ReturnType<SimulatedDisk["openProcess"]>;

interface StoreProcess {
  readonly disk: ProcessDisk;
  readonly store: LocalStore;
  held: HeldPin[];
}

export interface SharedRunnerOptions {
  readonly disk: SimulatedDisk;
  readonly random: SeededRandom;
  readonly pageSize: PageSize;
  readonly open: (disk: ProcessDisk) => LocalStore;
}

/**
 * Several stores on one disk, as many processes, that do random things and die at random moments,
 * beside one naive model. After each step some process looks: it must see everything that was
 * acknowledged, its pins must show what they always showed, and local work must be there.
 */
export class SharedRunner {
  readonly #options: SharedRunnerOptions;
  readonly #random: SeededRandom;
  readonly #remote: RemoteModel;
  #model = new ReplicaModel();
  #processes: StoreProcess[] = [];
  /** What the call under way does to the model, if it was done. */
  #unfinished: (() => void) | undefined;
  readonly #landed = new Map<CommitId, RemotePoint>();
  #contentCount = 0;
  #pushCount = 0;
  deathCount = 0;
  powerLossCount = 0;

  constructor(options: SharedRunnerOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#remote = new RemoteModel(options.pageSize);
  }

  step(): void {
    const { disk } = this.#options;
    if (this.#random.chance(POWER_LOSS_CHANCE)) this.#losePower();
    if (this.#processes.length === 0 || this.#random.chance(0.05)) this.#startProcess();
    const process = this.#anyProcess();
    if (process !== undefined) {
      if (this.#random.chance(DEATH_CHANCE)) {
        const nth = this.#random.integer(1, this.#random.pick([4, 12, 30]));
        disk.inject({ operation: "change", nth, reason: "death" });
      }
      this.#act(process);
      disk.clearFaults();
      if (!process.disk.isAlive) this.#bury(process);
    }
    const witness = this.#anyProcess();
    if (witness !== undefined) this.#check(witness);
  }

  get #world(): SharedWorld {
    return { model: this.#model, remote: this.#remote, pageSize: this.#options.pageSize };
  }

  readonly #actions: Readonly<Record<SharedStep, (process: StoreProcess) => void>> = {
    commit: (process) => this.#commit(process),
    "remote-commit": () => this.#remoteCommit(),
    pull: (process) => this.#pull(process),
    merge: (process) => this.#merge(process),
    reset: (process) => this.#reset(process),
    prepare: (process) => this.#prepare(process),
    complete: (process) => this.#complete(process),
    abandon: (process) => this.#abandon(process),
    pin: (process) => this.#pin(process),
    unpin: (process) => this.#unpin(process),
    fetch: (process) => this.#fetch(process),
    evict: (process) =>
      this.#quietly(process, () =>
        process.store.evict(this.#random.integer(0, PAGE_MAX) * this.#options.pageSize),
      ),
    refresh: (process) => this.#quietly(process, () => process.store.refresh()),
    close: (process) => {
      this.#quietly(process, () => process.store.close());
      this.#processes = this.#processes.filter((one) => one !== process);
    },
  };

  #act(process: StoreProcess): void {
    this.#actions[this.#random.pick(SHARED_STEPS)](process);
  }

  #startProcess(): void {
    if (this.#processes.length >= PROCESS_COUNT_MAX) return;
    const disk = this.#options.disk.openProcess();
    if (this.#random.chance(DEATH_CHANCE)) {
      const nth = this.#random.integer(1, 12);
      this.#options.disk.inject({ operation: "change", nth, reason: "death" });
    }
    try {
      const store = this.#options.open(disk);
      if (disk.isAlive) this.#processes.push({ disk, store, held: [] });
    } catch (error) {
      if (disk.isAlive) throw error;
    } finally {
      this.#options.disk.clearFaults();
    }
    if (!disk.isAlive) this.deathCount++;
  }

  #anyProcess(): StoreProcess | undefined {
    const { length } = this.#processes;
    return length === 0 ? undefined : this.#processes[this.#random.integer(0, length - 1)];
  }

  /** Whoever lives must agree on whether the last call of the dead was done. */
  #bury(process: StoreProcess): void {
    this.deathCount++;
    process.disk.kill();
    this.#processes = this.#processes.filter((one) => one !== process);
    this.#settle();
  }

  #losePower(): void {
    this.powerLossCount++;
    this.#processes = [];
    this.#options.disk.crash();
    this.#settle();
  }

  #settle(): void {
    while (this.#processes.length === 0) this.#startProcess();
    const before = this.#model.describe();
    for (const one of this.#processes) {
      // A reader may see what is settled only later, but nothing else.
      const pin = one.store.pin();
      if (describeState(one.store.state()) !== before) this.#unfinish();
      pin.close();
      checkState(one.store, this.#model);
    }
    const [first] = this.#processes;
    // Whoever changes the log settles it.
    first?.store.lockWrites()?.close();
    if (first !== undefined && describeState(first.store.state()) !== this.#model.describe()) {
      this.#unfinish();
      checkState(first.store, this.#model);
    }
    this.#unfinished = undefined;
  }

  #unfinish(): void {
    this.#unfinished?.();
    this.#unfinished = undefined;
  }

  #perform(process: StoreProcess, store: () => void, model: () => void): void {
    this.#unfinished = model;
    this.#quietly(process, store);
    if (!process.disk.isAlive) return;
    this.#unfinished = undefined;
    model();
  }

  /** What a dying process throws is nobody's. */
  #quietly(process: StoreProcess, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (process.disk.isAlive) throw error;
    }
  }

  /** Under the turn to write, as the layers above do it. */
  #writing(process: StoreProcess, work: () => void): void {
    this.#quietly(process, () => {
      const turn = process.store.lockWrites();
      if (turn === undefined) throw new Error("nobody else writes");
      try {
        work();
      } finally {
        turn.close();
      }
    });
  }

  #commit(process: StoreProcess): void {
    // Where the page count stays, what is committed may be carried over.
    const stays = this.#random.chance(0.4);
    const pageCount = stays ? this.#model.pageCount : this.#random.integer(0, PAGE_MAX);
    if (pageCount === 0) return;
    const writes = this.#draw(pageCount);
    const isStaged = this.#random.chance(0.5);
    const isRolledBack = isStaged && this.#random.chance(0.2);
    this.#writing(process, () => {
      const { store } = process;
      const pages = new Map<PageIndex, Uint8Array>();
      const staged = store.openStage();
      for (const [page, content] of writes) {
        const data = bytesOf(content, this.#options.pageSize);
        const index = toPageIndex(page);
        if (isStaged && page % 3 > 0) staged.put(index, data);
        else pages.set(index, data);
      }
      if (isRolledBack) return staged.clear();
      const count = toPageCount(pageCount);
      this.#perform(
        process,
        () => store.commitLocal({ pageCount: count, pages, staged, ...noteFor(writes) }),
        () => this.#model.commit(pageCount, writes),
      );
    });
  }

  #remoteCommit(): void {
    const pageCount = this.#random.integer(1, PAGE_MAX);
    const writes = this.#draw(pageCount);
    const lowPageCount = this.#random.chance(0.7) ? pageCount : this.#random.integer(0, pageCount);
    this.#remote.commit({ writes, pageCount, lowPageCount });
  }

  #pull(process: StoreProcess): void {
    const { head } = this.#remote;
    this.#writing(process, () => {
      const { pending, push, remote } = process.store.state();
      if (pending.length > 0 || push !== undefined) return;
      if (head === undefined || head.lsn === remote?.lsn) return;
      const changed = this.#remote.changedSince(remote?.lsn);
      this.#perform(
        process,
        () => process.store.applyRemote(head, changed),
        () => this.#model.applyRemote(head, this.#remote.contentsAt(head.lsn), changed),
      );
    });
  }

  #merge(process: StoreProcess): void {
    const model = this.#model;
    const remote = this.#remote;
    const pageCount = this.#random.integer(1, PAGE_MAX);
    const drawn = { pageCount, pages: [...this.#draw(pageCount).keys()] };
    const news = commitBeside(model, remote, drawn, () => ++this.#contentCount);
    if (news === undefined) return;
    const { head, changed } = news;
    this.#writing(process, () =>
      this.#perform(
        process,
        () => process.store.mergeRemote(head, changed),
        () => model.mergeRemote(head, remote.contentsAt(head.lsn), changed),
      ),
    );
  }

  /** Some pages, with contents that no page had before. */
  #draw(pageCount: number): Map<number, number> {
    const writes = new Map<number, number>();
    for (let left = this.#random.integer(1, 12); left > 0; left--) {
      writes.set(this.#random.integer(1, pageCount), ++this.#contentCount);
    }
    return writes;
  }

  #reset(process: StoreProcess): void {
    const { head } = this.#remote;
    this.#writing(process, () => {
      const changed = this.#remote.changedSince(process.store.state().remote?.lsn);
      const contents = head === undefined ? new Map() : this.#remote.contentsAt(head.lsn);
      this.#perform(
        process,
        () => process.store.resetToRemote(head, changed),
        () => this.#model.reset(head, contents, changed),
      );
    });
  }

  /** Under the turn to speak with the server. */
  #syncing(process: StoreProcess, work: () => void): void {
    this.#quietly(process, () => {
      const turn = process.store.lockSync();
      if (turn === undefined) throw new Error("nobody else speaks with the server");
      try {
        work();
      } finally {
        turn.close();
      }
    });
  }

  #prepare(process: StoreProcess): void {
    this.#syncing(process, () => {
      const { pending, push } = process.store.state();
      if (push !== undefined || pending.length === 0) return;
      const commitId = parseCommitId((++this.#pushCount).toString(16).padStart(32, "0"));
      const commitCount = pending.length;
      const { version } = this.#model;
      this.#perform(
        process,
        () => process.store.preparePush(commitId),
        () => {
          this.#model.push = { commitId, toVersion: version, commitCount, uploaded: [] };
        },
      );
    });
  }

  /** A push that was prepared by anybody is sent, or found to have been sent. */
  #complete(process: StoreProcess): void {
    this.#syncing(process, () => {
      const { push } = process.store.state();
      if (push === undefined) return;
      const head = this.#landed.get(push.commitId) ?? sendPush(process.store, this.#world);
      if (head === undefined) return;
      this.#landed.set(push.commitId, head);
      this.#perform(
        process,
        () => process.store.completePush(head),
        () => this.#model.completePush(head),
      );
    });
  }

  #abandon(process: StoreProcess): void {
    this.#syncing(process, () => {
      const { push } = process.store.state();
      if (push === undefined || this.#landed.has(push.commitId)) return;
      this.#perform(
        process,
        () => process.store.abandonPush(),
        () => {
          this.#model.push = undefined;
        },
      );
    });
  }

  #pin(process: StoreProcess): void {
    if (process.held.length >= PINS_MAX) this.#unpin(process);
    this.#quietly(process, () => {
      const pin = process.store.pin();
      process.held.push({ pin, model: this.#model.pin() });
    });
  }

  #unpin(process: StoreProcess): void {
    const at = this.#random.integer(0, PINS_MAX - 1) % Math.max(1, process.held.length);
    const [held] = process.held.splice(at, 1);
    this.#quietly(process, () => held?.pin.close());
  }

  #fetch(process: StoreProcess): void {
    if (process.held.length === 0) this.#pin(process);
    const held = process.held[this.#random.integer(0, PINS_MAX - 1) % process.held.length];
    const lsn = held?.model.remote?.lsn;
    if (held === undefined || lsn === undefined) return;
    const asked = new MutablePageSet();
    for (let left = this.#random.integer(1, 15); left > 0; left--) {
      asked.insert(toPageIndex(this.#random.integer(1, PAGE_MAX)));
    }
    const contents = this.#remote.contentsAt(lsn);
    this.#quietly(process, () => {
      for (const page of process.store.absent(held.pin, asked)) {
        const content = contents.get(page);
        const data = content === undefined ? undefined : bytesOf(content, this.#options.pageSize);
        process.store.putFetched(held.pin, toPageIndex(page), data);
      }
    });
  }

  #check(process: StoreProcess): void {
    const world = this.#world;
    const pin = process.store.pin();
    checkState(process.store, this.#model);
    checkPin(process.store, { pin, model: this.#model.pin() }, world);
    for (const held of process.held) checkPin(process.store, held, world);
    pin.close();
  }
}
