import {
  type CommitId,
  equalBytes,
  isGraftError,
  isZero,
  MutablePageSet,
  PAGE_SIZE_MIN,
  type PageIndex,
  type PageSize,
  parseCommitId,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import type { LocalStore, PreparedPush, RemotePoint } from "../../store/local-store.ts";
import { commitOrDrop } from "./commit-or-drop.ts";
import type { HistoryStep } from "./history-step.ts";
import { commitBeside } from "./mergeable-commit.ts";
import { bytesOf, RemoteModel } from "./remote-model.ts";
import {
  describeState,
  type HeldPin,
  type ModelPin,
  noteFor,
  ReplicaModel,
} from "./replica-model.ts";
import { sendPush } from "./shared-checks.ts";
import { UploadedSegments } from "./uploaded-segments.ts";

export interface HistoryRunnerOptions {
  readonly open: () => LocalStore;
  readonly pageSize?: PageSize;
  /** Whether what was cached is still there after the store was closed and opened again. */
  readonly keepsCache?: boolean;
}

/**
 * Drives a store and a naive model through the same history, and compares all that can be seen
 * after every step. A difference is thrown, with the page and the version.
 */
export class HistoryRunner {
  readonly remote: RemoteModel;
  model: ReplicaModel = new ReplicaModel();
  store: LocalStore;
  readonly #options: HistoryRunnerOptions;
  readonly #pageSize: PageSize;
  /** What the step under way does to the model, if the store did it. */
  #unfinished: (() => void) | undefined;
  /** Remote commits of pushes, by commit id. */
  readonly #landed = new Map<CommitId, RemotePoint>();
  #held: HeldPin[] = [];
  #contentCount = 0;
  #pushCount = 0;
  readonly #segments = new UploadedSegments();

  constructor(options: HistoryRunnerOptions) {
    this.#options = options;
    this.#pageSize = options.pageSize ?? PAGE_SIZE_MIN;
    this.remote = new RemoteModel(this.#pageSize);
    this.store = options.open();
  }

  run(steps: readonly HistoryStep[]): void {
    for (const [at, step] of steps.entries()) {
      try {
        this.step(step);
        this.check();
      } catch (cause) {
        const text = JSON.stringify(steps.slice(0, at + 1));
        throw new Error(`step ${at} (${step.kind}) of ${text}: ${String(cause)}`, { cause });
      }
    }
  }

  step(step: HistoryStep): void {
    switch (step.kind) {
      case "commit":
        this.#commit(step);
        break;
      case "remote-commit":
        this.#remoteCommit(step);
        break;
      case "pull":
        this.#pull();
        break;
      case "merge":
        this.#merge(step);
        break;
      case "reset":
        this.#reset();
        break;
      case "prepare":
        this.#prepare();
        break;
      case "upload":
        this.#upload();
        break;
      case "complete":
        this.#complete();
        break;
      case "abandon":
      case "diverge":
        this.#endPush(step.kind);
        break;
      case "pin":
        this.#held.push({ pin: this.store.pin(), model: this.model.pin() });
        break;
      case "pin-push":
        this.#pinPush();
        break;
      case "unpin":
        this.#held.splice(step.at % Math.max(1, this.#held.length), 1)[0]?.pin.close();
        break;
      case "fetch":
        this.#fetch(step);
        break;
      case "evict":
        this.store.evict(step.pageCount * this.#pageSize);
        this.model.evicted();
        break;
      case "reopen":
        this.#reopen();
        break;
    }
  }

  /**
   * Opens the store after a crash: what was under way happened wholly, or not at all.
   *
   * @param earlier states the store may have fallen back to, newest last
   */
  recover(earlier: readonly ReplicaModel[] = []): void {
    this.#held = [];
    this.store = this.#options.open();
    const seen = describeState(this.store.state());
    if (seen !== this.model.describe()) {
      const fallback = earlier.findLast((model) => model.describe() === seen);
      if (fallback !== undefined) this.model = fallback.clone();
      else this.#finish();
    }
    this.#unfinished = undefined;
    this.model.evicted();
    this.check();
  }

  /** The step failed: the store must be as it was before. */
  fail(): void {
    this.#unfinished = undefined;
    this.check();
  }

  /** Compares everything that can be seen. */
  check(): void {
    this.checkState();
    const pin = this.store.pin();
    const latest = this.model.pin();
    this.#checkPin({ pin, model: latest });
    this.model.present = latest.present;
    pin.close();
    for (const held of this.#held) this.#checkPin(held);
  }

  /** A store that fails to close is closed all the same; what it acknowledged is there. */
  #reopen(): void {
    this.#held = [];
    let isWhole = this.#options.keepsCache === true;
    try {
      this.store.close();
    } catch (error) {
      if (!isGraftError(error, "io")) throw error;
      isWhole = false;
    }
    this.store = this.#options.open();
    if (!isWhole) this.model.evicted();
  }

  #commit(step: Extract<HistoryStep, { kind: "commit" }>): void {
    const pageCount = toPageCount(step.isInPlace ? this.model.pageCount : step.pageCount);
    const writes = this.#writes(step.pages, pageCount);
    if (writes.size === 0 && pageCount === this.model.pageCount) return;
    const pages = new Map<PageIndex, Uint8Array>();
    const staged = this.store.openStage();
    for (const [page, content] of writes) {
      const index = toPageIndex(page);
      const data = bytesOf(content, this.#pageSize);
      const isStaged = step.isStaged === true && page % 3 > 0;
      if (isStaged) staged.put(index, data);
      else pages.set(index, data);
    }
    this.#perform(
      () => commitOrDrop(this.store, { pageCount, pages, staged, ...noteFor(writes) }),
      () => this.model.commit(pageCount, writes),
    );
  }

  #perform(store: () => void, model: () => void): void {
    this.#unfinished = model;
    store();
    this.#finish();
  }

  #finish(): void {
    const apply = this.#unfinished;
    this.#unfinished = undefined;
    apply?.();
  }

  #remoteCommit(step: Extract<HistoryStep, { kind: "remote-commit" }>): void {
    const writes = this.#writes(step.pages, step.pageCount);
    const lowPageCount = Math.min(step.lowPageCount, step.pageCount);
    this.remote.commit({ writes, pageCount: step.pageCount, lowPageCount });
  }

  #pull(): void {
    const { model, remote } = this;
    const { head } = remote;
    if (model.pending.length > 0 || model.push !== undefined) return;
    if (head === undefined || head.lsn === model.remote?.lsn) return;
    const changed = remote.changedSince(model.remote?.lsn);
    this.#perform(
      () => this.store.applyRemote(head, changed),
      () => model.applyRemote(head, remote.contentsAt(head.lsn), changed),
    );
  }

  #merge(step: Extract<HistoryStep, { kind: "merge" }>): void {
    const { model, remote } = this;
    const news = commitBeside(model, remote, step, () => ++this.#contentCount);
    if (news === undefined) return;
    const { head, changed } = news;
    this.#perform(
      () => this.store.mergeRemote(head, changed),
      () => model.mergeRemote(head, remote.contentsAt(head.lsn), changed),
    );
  }

  #reset(): void {
    const { model, remote } = this;
    const { head } = remote;
    const changed = remote.changedSince(model.remote?.lsn);
    const contents = head === undefined ? new Map() : remote.contentsAt(head.lsn);
    this.#perform(
      () => this.store.resetToRemote(head, changed),
      () => model.reset(head, contents, changed),
    );
  }

  #prepare(): void {
    const { model } = this;
    if (model.push !== undefined || model.pending.length === 0) return;
    const commitId = this.#nextCommitId();
    const { version: toVersion, pending } = model;
    const push = { commitId, toVersion, commitCount: pending.length, uploaded: [] };
    this.#perform(
      () => this.store.preparePush(commitId),
      () => {
        model.push = push;
      },
    );
  }

  #upload(): void {
    const { push } = this.store.state();
    const uploaded = push && this.#segments.next(push);
    if (uploaded === undefined) return;
    // A disk that does not take it is no error: until the next step it may be there or not.
    this.#unfinished = () => this.model.keepUploaded(uploaded);
    this.store.keepUploaded(uploaded);
    if (this.store.state().push?.uploaded.at(-1) === uploaded.at(-1)) this.#finish();
  }

  #complete(): void {
    const push = this.store.state().push;
    if (push === undefined) return;
    const head = this.#landed.get(push.commitId) ?? this.#send(push);
    if (head === undefined) return;
    this.#perform(
      () => this.store.completePush(head),
      () => this.model.completePush(head),
    );
  }

  /**
   * Sends what the store prepared, as it prepared it: the remote model must then equal the version.
   */
  #send(push: PreparedPush): RemotePoint | undefined {
    const { model, remote } = this;
    const head = sendPush(this.store, { model, remote, pageSize: this.#pageSize });
    if (head === undefined) return undefined;
    const contents = remote.contentsAt(head.lsn);
    for (let page = 1; page <= push.pageCount; page++) {
      if (contents.get(page) === model.contentOf(push.toVersion, page)) continue;
      throw new Error(`page ${page} differs remotely after the push`);
    }
    this.#landed.set(push.commitId, head);
    return head;
  }

  #endPush(kind: "abandon" | "diverge"): void {
    const { model } = this;
    if (kind === "diverge" && model.pending.length === 0) return;
    // What landed was definitely applied.
    if (model.push !== undefined && this.#landed.has(model.push.commitId)) return;
    this.#perform(
      () => (kind === "abandon" ? this.store.abandonPush() : this.store.markDiverged()),
      () => {
        model.push = undefined;
        model.isDiverged ||= kind === "diverge";
      },
    );
  }

  #pinPush(): void {
    const pin = this.store.pinPush();
    const push = this.model.push;
    if ((pin === undefined) !== (push === undefined)) throw new Error("a push is here, or is not");
    if (pin === undefined || push === undefined) return;
    this.#held.push({ pin, model: this.model.pin(push.toVersion) });
  }

  #fetch(step: Extract<HistoryStep, { kind: "fetch" }>): void {
    const held = this.#held[step.at % Math.max(1, this.#held.length)] ?? this.#pinForFetch();
    const { pin, model } = held;
    if (model.remote === undefined) return;
    const asked = new MutablePageSet();
    for (const page of step.pages) asked.insert(page);
    const contents = this.remote.contentsAt(model.remote.lsn);
    for (const page of this.store.absent(pin, asked)) {
      const content = contents.get(page);
      const data = content === undefined ? undefined : bytesOf(content, this.#pageSize);
      this.store.putFetched(pin, toPageIndex(page), data);
      model.present.add(page);
      if (this.model.servesLatest(model, page)) this.model.present.add(page);
    }
  }

  #pinForFetch(): HeldPin {
    const held = { pin: this.store.pin(), model: this.model.pin() };
    this.#held.push(held);
    return held;
  }

  /** Compares all but the pages. */
  checkState(): void {
    const seen = describeState(this.store.state());
    if (seen === this.model.describe()) return;
    throw new Error(`the state is ${seen}, expected ${this.model.describe()}`);
  }

  #checkPin({ pin, model }: HeldPin): void {
    const target = new Uint8Array(this.#pageSize);
    const all = new MutablePageSet();
    all.insertRange(1, model.pageCount + 2);
    // A cached page whose bytes were lost is noticed by the first read: after it both must agree.
    for (const page of all) this.store.read(pin, toPageIndex(page), target);
    const absent = this.store.absent(pin, all);
    for (const page of all) {
      const content = this.model.contentOf(model.version, page);
      const where = `page ${page} of version ${model.version} at LSN ${model.remote?.lsn}`;
      target.fill(0xee);
      const kind = this.store.read(pin, toPageIndex(page), target);
      if ((kind === "absent") !== absent.contains(page))
        throw new Error(`${where}: absent differs`);
      if (kind === "absent") {
        this.#checkAbsent(model, page, where);
        continue;
      }
      if (!equalBytes(target, bytesOf(content, this.#pageSize))) {
        throw new Error(`${where} has other bytes (${kind})`);
      }
      if (kind === "zeros" && !isZero(target)) throw new Error(`${where} is not zeros`);
      if (page <= model.pageCount) model.present.add(page);
    }
  }

  #checkAbsent(model: ModelPin, page: number, where: string): void {
    if (model.local.has(page)) throw new Error(`${where} is local work and absent`);
    if (model.present.has(page)) throw new Error(`${where} was here and is absent`);
    if (model.remote === undefined) throw new Error(`${where} is absent without a remote`);
    const fetched = this.remote.contentsAt(model.remote.lsn).get(page);
    if (fetched !== this.model.contentOf(model.version, page)) {
      throw new Error(`${where} is absent, and a fetch would bring other bytes`);
    }
  }

  #writes(pages: readonly number[], pageCount: number): Map<number, number> {
    const writes = new Map<number, number>();
    if (pageCount === 0) return writes;
    for (const page of pages) writes.set(((page - 1) % pageCount) + 1, ++this.#contentCount);
    return writes;
  }

  #nextCommitId(): CommitId {
    return parseCommitId((++this.#pushCount).toString(16).padStart(32, "0"));
  }
}
