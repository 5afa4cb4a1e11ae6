/**
 * Which volumes are watched on which streams, and what to do when something happens. Pure: it is
 * told the time, and answers with what is to be done.
 *
 *     watch ──▶ waiting ──20 ms──▶ on a stream, unanswered ──first heartbeat──▶ live
 *                  ▲                        │                                    │
 *                  └─── backoff, jitter ────┴───────── lost, silent ─────────────┘
 *
 * Few streams: when three are open, the next one takes over their volumes (not those of one that is
 * much larger), and what it makes superfluous is closed once it has answered. A volume that nobody
 * wants any more falls out then.
 *
 * Not every network streams. A stream that does not answer gets a rival, a chain of long-polls; the
 * first to answer stays. While there are polls, a stream is tried now and then in their place.
 */
import {
  backoffDelayMs,
  invariant,
  type Random,
  RETRY_POLICY_DEFAULT,
  type VolumeId,
  WATCH_VOLUME_COUNT_MAX,
} from "@graft/core";
import { HeartbeatTuner } from "./heartbeat-tuner.ts";
import type { Loss, PlanAction, Transfer } from "./plan-action.ts";
import { awaitsAnswer, hear, type PlannedStream } from "./planned-stream.ts";
import { WaitingVolumes } from "./waiting-volumes.ts";

/** Subscriptions that come so close together are one request. */
export const GATHER_MS = 20;
/** Streams that have room, at the same time, at most. */
export const STREAM_COUNT_MAX = 4;
/** A poll may take so much longer than it was asked to wait. */
const POLL_GRACE_MS = 15_000;
/** A failure after so long is the first one of a new outage. */
const STABLE_MS = 5_000;
/** A stream with fewer volumes has room for those of others. */
const ROOM_COUNT: number = WATCH_VOLUME_COUNT_MAX / 2;
/**
 * A stream so many times as large is not asked for all over again: of 4000 volumes that come one by
 * one, each is asked for 29 times, not 667.
 */
const MUCH_LARGER = 16;
/** Failures without an answer after which the other way is tried every other time. */
const UNANSWERED_MAX = 2;
/** When a stream is tried in place of polls: soon, for it may have been the server; then rarely. */
const FIRST_TRIAL_MS = 1_000;
const TRIAL_POLICY = { firstDelayMs: 60_000, delayMaxMs: 10 * 60_000 };

export interface StreamPlanOptions {
  readonly random: Random;
  /** Ms between heartbeats, at most. */
  readonly heartbeatMs: number;
  /** A stream that has not said a word by then, ms, may be held back on its way. */
  readonly answerMs: number;
}

export class StreamPlan {
  readonly #random: Random;
  readonly #answerMs: number;
  readonly #tuner: HeartbeatTuner;
  readonly #streams = new Map<number, PlannedStream>();
  /** Wanted volumes, and how often in a row each was ended alone. */
  readonly #wanted = new Map<VolumeId, number>();
  readonly #waiting = new WaitingVolumes(GATHER_MS);
  #lastId = 0;
  #transfer: Transfer = "stream";
  #trialCount = 0;
  #trialMs = Number.POSITIVE_INFINITY;
  #failureCount = 0;
  #unansweredCount = 0;
  /** Nothing is opened before. */
  #retryMs = Number.NEGATIVE_INFINITY;

  constructor(options: StreamPlanOptions) {
    this.#random = options.random;
    this.#answerMs = options.answerMs;
    this.#tuner = new HeartbeatTuner(options.heartbeatMs);
  }

  isLive(volumeId: VolumeId): boolean {
    return this.liveStreamOf(volumeId) !== undefined;
  }

  /** The newest stream that tells everything of the volume. */
  liveStreamOf(volumeId: VolumeId): number | undefined {
    let newest: number | undefined;
    for (const { id, liveMs, volumeIds } of this.#streams.values()) {
      if (liveMs !== undefined && volumeIds.has(volumeId)) newest = id;
    }
    return newest;
  }

  isWanted(volumeId: VolumeId): boolean {
    return this.#wanted.has(volumeId);
  }

  /** The wanted volumes of a stream. */
  wantedOf(streamId: number): readonly VolumeId[] {
    return [...(this.#streams.get(streamId)?.volumeIds ?? [])].filter((id) => this.isWanted(id));
  }

  /** When `due` has something to do; undefined: nothing, ever, as it is. */
  nextDueMs(): number | undefined {
    let next = Math.min(this.#trialMs, this.#heldMs() ?? Number.POSITIVE_INFINITY);
    for (const stream of this.#streams.values()) {
      next = Math.min(next, stream.heardMs + stream.silenceMaxMs);
      if (awaitsAnswer(stream)) next = Math.min(next, stream.openedMs + this.#answerMs);
    }
    return Number.isFinite(next) ? next : undefined;
  }

  watch(volumeId: VolumeId, nowMs: number): void {
    invariant(!this.isWanted(volumeId), "a volume is wanted once");
    this.#wanted.set(volumeId, 0);
    let isOnStream = false;
    for (const stream of this.#streams.values()) {
      if (!stream.volumeIds.has(volumeId)) continue;
      stream.wantedCount++;
      isOnStream = true;
    }
    if (!isOnStream) this.#waiting.add(volumeId, Math.max(nowMs + GATHER_MS, this.#retryMs));
  }

  /** It stays on its stream until that is replaced, or has nothing else. */
  unwatch(volumeId: VolumeId): readonly PlanAction[] {
    if (!this.#wanted.delete(volumeId)) return [];
    this.#waiting.delete(volumeId);
    const actions: PlanAction[] = [];
    for (const stream of [...this.#streams.values()]) {
      if (!stream.volumeIds.has(volumeId)) continue;
      stream.wantedCount--;
      if (stream.wantedCount === 0) actions.push(this.#close(stream));
    }
    return actions;
  }

  /** Volumes that nobody wants leave a stream that is able to go on without them. */
  shed(streamId: number): readonly VolumeId[] {
    const volumeIds = this.#streams.get(streamId)?.volumeIds;
    const unwanted = [...(volumeIds ?? [])].filter((volumeId) => !this.isWanted(volumeId));
    for (const volumeId of unwanted) volumeIds?.delete(volumeId);
    return unwanted;
  }

  /** An event that is no heartbeat. */
  heard(streamId: number, nowMs: number): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) hear(stream, nowMs);
  }

  /** A heartbeat: every volume is where the last event left it. */
  beat(streamId: number, nowMs: number): readonly PlanAction[] {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return [];
    hear(stream, nowMs);
    if (stream.liveMs !== undefined) return [];
    const fresh = this.wantedOf(streamId).filter((volumeId) => !this.isLive(volumeId));
    stream.liveMs = nowMs;
    for (const volumeId of this.wantedOf(streamId)) this.#wanted.set(volumeId, 0);
    this.#unansweredCount = 0;
    this.#settleOn(stream.transfer, nowMs);
    const superfluous = [...this.#streams.values()].filter((one) =>
      this.#isSuperfluous(one, stream),
    );
    return [{ kind: "live", volumeIds: fresh }, ...superfluous.map((one) => this.#close(one))];
  }

  /** The stream is gone; its volumes are opened again, after a wait where something is wrong. */
  lost(streamId: number, loss: Loss, nowMs: number): readonly PlanAction[] {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return [];
    const { orphans, actions } = this.#drop(stream);
    if (stream.liveMs !== undefined && loss.isFarewell !== true) this.#tuner.lost(stream, nowMs);
    if (orphans.length === 0) return actions;
    if (loss.isFarewell === true && stream.liveMs !== undefined) {
      this.#wait(orphans, nowMs);
      return actions;
    }
    if (stream.liveMs === undefined) this.#unansweredCount++;
    if (nowMs >= this.#retryMs) this.#backOff(stream, loss, nowMs);
    this.#wait(orphans, this.#retryMs);
    return actions;
  }

  /** A volume was ended alone; it is tried again while it is wanted. */
  ended(streamId: number, volumeId: VolumeId, nowMs: number): readonly PlanAction[] {
    const stream = this.#streams.get(streamId);
    const wasLive = this.isLive(volumeId);
    if (stream?.volumeIds.delete(volumeId) !== true) return [];
    hear(stream, nowMs);
    const endingCount = this.#wanted.get(volumeId);
    if (endingCount === undefined) return [];
    const actions: PlanAction[] = [];
    if (wasLive && !this.isLive(volumeId)) actions.push({ kind: "stale", volumeIds: [volumeId] });
    stream.wantedCount--;
    if (stream.wantedCount === 0) actions.push(this.#close(stream));
    this.#wanted.set(volumeId, endingCount + 1);
    const delayMs = backoffDelayMs(RETRY_POLICY_DEFAULT, endingCount + 1, this.#random);
    if (!this.#isOnStream(volumeId)) this.#wait([volumeId], nowMs + delayMs);
    return actions;
  }

  /** The machine slept, or the network changed: whatever is open is taken for lost. */
  jumped(nowMs: number): readonly PlanAction[] {
    const actions: PlanAction[] = [];
    for (const stream of [...this.#streams.values()]) {
      actions.push(...this.#drop(stream).actions, { kind: "close", streamId: stream.id });
    }
    this.#failureCount = 0;
    this.#unansweredCount = 0;
    this.#retryMs = nowMs;
    this.#settleOn("stream", nowMs);
    this.#tuner.reset();
    this.#waiting.takeAll();
    this.#wait([...this.#wanted.keys()], nowMs);
    return [...actions, { kind: "reconnect" }, ...this.due(nowMs)];
  }

  /** What time has made necessary. */
  due(nowMs: number): readonly PlanAction[] {
    const actions: PlanAction[] = [];
    for (const stream of [...this.#streams.values()]) {
      if (nowMs >= stream.heardMs + stream.silenceMaxMs) {
        actions.push(...this.#fallSilent(stream, nowMs));
      } else if (awaitsAnswer(stream) && nowMs >= stream.openedMs + this.#answerMs) {
        actions.push(...this.#doubt(stream, nowMs));
      }
    }
    if (nowMs >= this.#trialMs) actions.push(...this.#try(nowMs));
    if (nowMs >= (this.#heldMs() ?? Number.POSITIVE_INFINITY)) actions.push(...this.#next(nowMs));
    return actions;
  }

  /** When waiting volumes may be opened; undefined while there are too many streams. */
  #heldMs(): number | undefined {
    return this.#roomy().length < STREAM_COUNT_MAX ? this.#waiting.nextDueMs() : undefined;
  }

  /** Opens what waited; it takes over the other streams' volumes when it would be one too many. */
  #next(nowMs: number): readonly PlanAction[] {
    const volumeIds = new Set(this.#waiting.takeDue(nowMs));
    const transfer = this.#nextTransfer();
    for (const { id } of this.#takenOver(volumeIds.size, transfer)) {
      for (const volumeId of this.wantedOf(id)) volumeIds.add(volumeId);
    }
    return this.#open([...volumeIds], transfer, nowMs);
  }

  /**
   * Streams that one for `count` more volumes takes over: none while there may be another; else the
   * smallest, and each that is not much larger than what comes together so.
   */
  #takenOver(count: number, transfer: Transfer): readonly PlannedStream[] {
    const roomy = this.#roomy();
    // A chain of polls is a request at a time: there need not be two.
    if (transfer === "poll") return roomy;
    if (roomy.length < STREAM_COUNT_MAX - 1) return [];
    let sum = count;
    return roomy
      .sort((a, b) => a.wantedCount - b.wantedCount)
      .filter(({ wantedCount }, at) => {
        const isTaken = at === 0 || wantedCount <= MUCH_LARGER * sum;
        if (isTaken) sum += wantedCount;
        return isTaken;
      });
  }

  /** The stream is dead, and so is its connection, unless another stream has been heard since. */
  #fallSilent(stream: PlannedStream, nowMs: number): readonly PlanAction[] {
    const lost = this.lost(stream.id, {}, nowMs);
    const isHeard = [...this.#streams.values()].some(
      (other) => other.heardMs > Math.max(other.openedMs, stream.heardMs),
    );
    const close: PlanAction = { kind: "close", streamId: stream.id };
    return isHeard ? [...lost, close] : [...lost, close, { kind: "reconnect" }];
  }

  /** The stream does not answer. */
  #doubt(stream: PlannedStream, nowMs: number): readonly PlanAction[] {
    if (this.#transfer === "stream") {
      stream.hasRival = true;
      return this.#open(this.wantedOf(stream.id), "poll", nowMs);
    }
    const { orphans, actions } = this.#drop(stream);
    this.#wait(orphans, nowMs);
    return [...actions, { kind: "close", streamId: stream.id }];
  }

  /** Perhaps the network streams by now. */
  #try(nowMs: number): readonly PlanAction[] {
    this.#trialCount++;
    this.#trialMs = nowMs + backoffDelayMs(TRIAL_POLICY, this.#trialCount, this.#random);
    const polls = [...this.#streams.values()].filter((stream) => stream.transfer === "poll");
    const volumeIds = new Set(polls.flatMap((poll) => this.wantedOf(poll.id)));
    return this.#open([...volumeIds], "stream", nowMs);
  }

  #settleOn(transfer: Transfer, nowMs: number): void {
    if (transfer === "stream") {
      this.#trialCount = 0;
      this.#trialMs = Number.POSITIVE_INFINITY;
    } else if (this.#transfer === "stream") {
      this.#trialMs = nowMs + FIRST_TRIAL_MS;
    }
    this.#transfer = transfer;
  }

  /** The other way now and then, while nothing answers. */
  #nextTransfer(): Transfer {
    const isOther = this.#unansweredCount >= UNANSWERED_MAX && this.#unansweredCount % 2 === 1;
    if (!isOther) return this.#transfer;
    return this.#transfer === "stream" ? "poll" : "stream";
  }

  #open(volumeIds: readonly VolumeId[], transfer: Transfer, nowMs: number): readonly PlanAction[] {
    const actions: PlanAction[] = [];
    const { heartbeatMs, waitMs } = this.#tuner;
    for (let at = 0; at < volumeIds.length; at += WATCH_VOLUME_COUNT_MAX) {
      const part = volumeIds.slice(at, at + WATCH_VOLUME_COUNT_MAX);
      const id = ++this.#lastId;
      this.#streams.set(id, {
        id,
        transfer,
        volumeIds: new Set(part),
        openedMs: nowMs,
        silenceMaxMs: transfer === "stream" ? 2 * heartbeatMs : waitMs + POLL_GRACE_MS,
        wantedCount: part.length,
        heardMs: nowMs,
        liveMs: undefined,
        outlivedMs: 0,
        hasRival: false,
      });
      actions.push({ kind: "open", streamId: id, transfer, volumeIds: part, heartbeatMs, waitMs });
    }
    return actions;
  }

  #close(stream: PlannedStream): PlanAction {
    this.#streams.delete(stream.id);
    return { kind: "close", streamId: stream.id };
  }

  /** Takes a stream away: what is on no other one, and what is no longer live. */
  #drop(stream: PlannedStream): { orphans: readonly VolumeId[]; actions: readonly PlanAction[] } {
    const wanted = this.wantedOf(stream.id);
    this.#streams.delete(stream.id);
    const orphans = wanted.filter((volumeId) => !this.#isOnStream(volumeId));
    if (stream.liveMs === undefined) return { orphans, actions: [] };
    const stale = wanted.filter((volumeId) => !this.isLive(volumeId));
    return { orphans, actions: stale.length === 0 ? [] : [{ kind: "stale", volumeIds: stale }] };
  }

  #wait(volumeIds: readonly VolumeId[], dueMs: number): void {
    for (const volumeId of volumeIds) this.#waiting.add(volumeId, dueMs);
  }

  #backOff(stream: PlannedStream, loss: Loss, nowMs: number): void {
    const { liveMs } = stream;
    if (liveMs !== undefined && nowMs - liveMs >= STABLE_MS) this.#failureCount = 0;
    this.#failureCount++;
    const delayMs = backoffDelayMs(RETRY_POLICY_DEFAULT, this.#failureCount, this.#random);
    this.#retryMs = nowMs + Math.max(delayMs, loss.retryAfterMs ?? 0);
  }

  /** Streams that have room for more volumes. */
  #roomy(): PlannedStream[] {
    return [...this.#streams.values()].filter((stream) => stream.wantedCount < ROOM_COUNT);
  }

  #isOnStream(volumeId: VolumeId): boolean {
    return [...this.#streams.values()].some((stream) => stream.volumeIds.has(volumeId));
  }

  /** An older one, or a rival that lost, whose volumes are all told by others. */
  #isSuperfluous(one: PlannedStream, answered: PlannedStream): boolean {
    if (one === answered) return false;
    const isLoser =
      answered.transfer === "stream" && one.transfer === "poll" && one.liveMs === undefined;
    const isCovered = (volumeId: VolumeId): boolean => {
      const by = this.liveStreamOf(volumeId);
      return by !== undefined && (isLoser || by > one.id);
    };
    return this.wantedOf(one.id).every(isCovered);
  }
}
