import { createVolumeId, type GraftError, type Lsn, toLsn, type VolumeId } from "@graft/core";
import { SeededRandom, SimulatedClock, settle } from "@graft/core/testing";
import { expect, test } from "vitest";
import type { RemoteEvent, RemoteNews, WatchRequest } from "../remote/remote.ts";
import { FAREWELL, HEARTBEAT, LOST, news } from "../testing/scripted-server.ts";
import { createNewsFeed } from "./create-news-feed.ts";
import type { NewsSubscriber, NewsSubscription } from "./news-feed.ts";

/** One call at an honest server, over a network that is not. */
class Call {
  fault: "lost" | "silent" | "farewell" | undefined;
  /** What a proxy on the way holds back. */
  held: RemoteEvent[] = [];
  alarm = Promise.withResolvers<void>();

  wake(): void {
    this.alarm.resolve();
    this.alarm = Promise.withResolvers();
  }
}

class Server {
  readonly clock = new SimulatedClock();
  readonly random: SeededRandom;
  readonly heads = new Map<VolumeId, bigint>();
  readonly calls = new Set<Call>();
  #polledMs = Number.NEGATIVE_INFINITY;
  isUp = true;
  isBuffering = false;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Whether something is on its way that takes longer than a moment. */
  get isHeldUp(): boolean {
    const isStuck = ({ fault, held }: Call): boolean => fault === "silent" || held.length > 0;
    return this.isBuffering || [...this.calls].some(isStuck);
  }

  /** Whether a poll is under way, or ended so lately that another may follow. */
  get isPolled(): boolean {
    return this.clock.monotonicMs() - this.#polledMs < APPLIED_POLL_MS;
  }

  commit(volumeId: VolumeId): void {
    this.heads.set(volumeId, (this.heads.get(volumeId) ?? 0n) + 1n);
    for (const call of this.calls) call.wake();
  }

  async *watch(request: WatchRequest, signal?: AbortSignal): AsyncGenerator<RemoteEvent> {
    const call = new Call();
    const leave = (): void => call.wake();
    signal?.addEventListener("abort", leave);
    this.calls.add(call);
    try {
      for await (const event of this.#events(request, call, signal)) {
        call.held.push(event);
        if (!this.isBuffering) yield* call.held.splice(0);
      }
      yield* call.held.splice(0);
    } finally {
      this.calls.delete(call);
      if (request.waitMs !== undefined) this.#polledMs = this.clock.monotonicMs();
      signal?.removeEventListener("abort", leave);
    }
  }

  async *#events(
    request: WatchRequest,
    call: Call,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<RemoteEvent> {
    const at = new Map(request.volumes.map(({ volumeId, lsn }) => [volumeId, lsn ?? 0n]));
    let dueMs = this.clock.monotonicMs() + (request.waitMs ?? 0);
    let isTold = false;
    while (true) {
      signal?.throwIfAborted();
      if (!this.isUp || call.fault === "lost") throw LOST;
      if (call.fault === "silent") {
        await call.alarm.promise;
        continue;
      }
      for (const [volumeId, from] of at) {
        const head = this.heads.get(volumeId) ?? 0n;
        if (head === from) continue;
        isTold = true;
        const kind = this.random.integer(0, 9);
        at.set(volumeId, head);
        if (kind === 0) {
          at.delete(volumeId);
          yield { kind: "end", volumeId, error: LOST };
        } else if (kind === 1 || head < from) yield { kind: "resync", volumeId };
        else yield news(volumeId, from, head);
        signal?.throwIfAborted();
      }
      if (call.fault === "farewell") {
        yield FAREWELL;
        return;
      }
      const isOver = request.waitMs !== undefined && isTold;
      if (isOver || this.clock.monotonicMs() >= dueMs) {
        yield HEARTBEAT;
        if (request.waitMs !== undefined) return;
        dueMs = this.clock.monotonicMs() + request.heartbeatMs;
      } else await this.#wait(dueMs, call);
    }
  }

  async #wait(dueMs: number, call: Call): Promise<void> {
    const timer = new AbortController();
    const due = this.clock.sleep(dueMs - this.clock.monotonicMs(), timer.signal);
    await Promise.race([due.catch(() => undefined), call.alarm.promise]);
    timer.abort();
  }
}

/** Applies what it is told a little later, as one that takes turns with a writer does. */
class Replica implements NewsSubscriber {
  readonly volumeId: VolumeId;
  readonly #server: Server;
  #lsn: Lsn | undefined;
  #turn: Promise<void> = Promise.resolve();
  isLive = false;
  end: GraftError | undefined;
  subscription: NewsSubscription | undefined;

  constructor(server: Server, volumeId: VolumeId) {
    this.#server = server;
    this.volumeId = volumeId;
    const lsn = (this.#head() ?? 0n) - BigInt(server.random.integer(0, 2));
    this.#lsn = lsn > 0n ? toLsn(lsn) : undefined;
  }

  lsn(): Lsn | undefined {
    return this.#lsn;
  }
  onNews({ from, snapshot }: RemoteNews): void {
    this.#later(() => {
      if (from === this.#lsn) this.#lsn = snapshot.lsn;
      else if (snapshot.lsn > (this.#lsn ?? 0n)) this.#lsn = this.#head();
    });
  }
  onResync(): void {
    this.#later(() => {
      this.#lsn = this.#head();
    });
  }
  onLive(isLive: boolean): void {
    expect(isLive, "it is told of changes only").toBe(!this.isLive);
    this.isLive = isLive;
  }
  onEnd(error: GraftError): void {
    this.end = error;
  }

  #head(): Lsn | undefined {
    const head = this.#server.heads.get(this.volumeId) ?? 0n;
    return head === 0n ? undefined : toLsn(head);
  }

  #later(apply: () => void): void {
    const { clock, random } = this.#server;
    this.#turn = this.#turn.then(() => clock.sleep(random.integer(0, 5))).then(apply);
  }
}

/** Time for what was told to be applied. */
const APPLIED_MS = 200;
/** Polls follow each other at a pace, which is slower while a volume resyncs. */
const APPLIED_POLL_MS = 1_500;

async function run(seed: number): Promise<{ faults: number }> {
  const server = new Server(seed);
  const { clock, random } = server;
  const feed = createNewsFeed({ remote: server, clock, random });
  const volumeIds = Array.from({ length: 6 }, () => createVolumeId(server));
  const replicas = new Set<Replica>();
  let faults = 0;
  let busiest = 0;
  const steps: readonly (() => void)[] = [
    () => server.commit(random.pick(volumeIds)),
    () => server.commit(random.pick(volumeIds)),
    () => {
      const replica = new Replica(server, random.pick(volumeIds));
      replica.subscription = feed.subscribe(replica);
      replicas.add(replica);
    },
    () => {
      const [replica] = replicas;
      if (replica === undefined || replicas.size < 4) return;
      replica.subscription?.close();
      replicas.delete(replica);
    },
    () => {
      const calls = [...server.calls];
      if (calls.length === 0) return;
      const call = random.pick(calls);
      call.fault = random.pick(["lost", "silent", "farewell"] as const);
      faults++;
      call.wake();
    },
    () => {
      server.isUp = !server.isUp || random.chance(0.7);
      if (random.chance(0.2)) server.isBuffering = !server.isBuffering;
      for (const call of server.calls) call.wake();
    },
    () => clock.jumpWall(random.chance(0.1) ? 20_000 : 0),
  ];
  const lag = (): readonly Replica[] =>
    [...replicas].filter(
      (one) => one.isLive && (one.lsn() ?? 0n) !== (server.heads.get(one.volumeId) ?? 0n),
    );
  for (let step = 0; step < 120; step++) {
    random.pick(steps)();
    await clock.advance(random.pick([0, 1, 5, 30, 200, 2_000, 12_000]));
    busiest = Math.max(busiest, server.calls.size);
    if (server.isHeldUp) continue;
    await clock.advance(server.isPolled ? APPLIED_POLL_MS : APPLIED_MS);
    // What was told at this very moment is about to be applied.
    if (lag().length > 0) await clock.advance(10);
    if (server.isHeldUp) continue;
    expect(lag(), `step ${step}: who is live lacks nothing`).toEqual([]);
  }
  server.isUp = true;
  server.isBuffering = false;
  // Silence is noticed, and the longest backoff ends.
  await clock.advance(60_000);
  for (const volumeId of volumeIds) server.commit(volumeId);
  await clock.advance(APPLIED_MS + 6_000);
  expect([...replicas].filter((one) => !one.isLive || one.end !== undefined)).toEqual([]);
  expect(lag()).toEqual([]);
  expect(busiest, "streams, and a rival each").toBeLessThanOrEqual(8);
  await feed.close();
  await settle();
  expect([server.calls.size, clock.sleeperCount]).toEqual([0, 0]);
  return { faults };
}

test("whoever is told to be live lacks nothing, through faults of any kind and order", async () => {
  let faults = 0;
  for (let seed = 1; seed <= 150; seed++) {
    try {
      faults += (await run(seed)).faults;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect(faults).toBeGreaterThan(500);
});
