/** What is measured besides queries: writing, pulling, seeing, opening after a history, idling. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DelayProxy } from "../delay-proxy.ts";
import { percentile } from "../measure.ts";
import type { StartedPeer } from "./peer.ts";
import { type Replica, ReplicaError } from "./replica.ts";
import type { WorkFigure, WorkResult } from "./scorecard.ts";
import { spreadOf } from "./spread.ts";
import { withoutPaths } from "./without-paths.ts";

export interface WorksPlan {
  /** By name. */
  readonly peers: ReadonlyMap<string, StartedPeer>;
  readonly rtts: readonly number[];
  readonly directory: string;
  readonly isQuick: boolean;
  readonly note: (text: string) => void;
}

/** For one answer, and for the whole of a work: who is slow is measured on less of it. */
const ANSWER_MS_MAX = 120_000;
const WORK_MS_MAX = 60_000;
const QUICK_WORK_MS_MAX = 3_000;
/** Between two looks whether something is visible. */
const LOOK_MS = 2;
/** Before each write, so that nobody's timers are met in step. */
const PAUSE_MS_MAX = 500;
/** For what opening leaves to be done in the background. */
const SETTLE_MS = 2_000;
const VISIBLE = "SELECT id FROM kv WHERE id = ?";

/** A database of its own, for one work at one round-trip time. */
interface Bench {
  readonly peer: StartedPeer;
  readonly rtt: number;
  readonly isQuick: boolean;
  readonly openReplica: (kind?: "live") => Promise<Opened>;
}

/** A replica on a proxy of its own. */
interface Opened {
  readonly replica: Replica;
  readonly proxy: DelayProxy;
  readonly ask: (request: Parameters<Replica["ask"]>[0]) => Promise<number>;
  readonly sees: (id: number) => Promise<boolean>;
}

interface Work {
  readonly name: string;
  /** Whether its replicas push and pull by themselves. */
  readonly isLive?: boolean;
  readonly run: (bench: Bench) => Promise<readonly WorkFigure[]>;
}

const WORKS: readonly Work[] = [
  { name: "200 cycles: write on A, push, pull, read on B", run: runCycles },
  { name: "3,000 single inserts, then a push", run: runInserts },
  { name: "pull of 5,000 rows of another replica, then a scan of them", run: runPull },
  {
    name: "write on A until visible on B, both syncing by themselves",
    run: runVisible,
    isLive: true,
  },
  { name: "cold open and lookup after a history of commits", run: runHistory },
  { name: "a replica that syncs by itself and has nothing to do", run: runIdle, isLive: true },
];

export async function measureWorks(plan: WorksPlan): Promise<readonly WorkResult[]> {
  const results: WorkResult[] = [];
  for (const { name, run, isLive = false } of WORKS) {
    for (const rtt of plan.rtts) {
      for (const [peer, { startEmpty, startLive }] of plan.peers) {
        if (startEmpty === undefined) continue;
        plan.note(`${name}: ${peer}, ${rtt} ms`);
        const outcome =
          isLive && startLive === undefined
            ? { why: "no replica of it syncs by itself" }
            : await runOne(plan, startEmpty, rtt, run);
        results.push({ peer, work: name, rtt, ...outcome });
      }
    }
  }
  return results;
}

async function runOne(
  { directory, isQuick }: WorksPlan,
  startEmpty: () => Promise<StartedPeer>,
  rtt: number,
  run: Work["run"],
): Promise<Pick<WorkResult, "figures" | "why">> {
  await using stack = new AsyncDisposableStack();
  const folder = join(directory, "work");
  rmSync(folder, { recursive: true, force: true });
  let count = 0;
  try {
    const peer = stack.use(await startEmpty());
    const openReplica = async (kind?: "live"): Promise<Opened> => {
      const start = kind === "live" ? peer.startLive : peer.startReplica;
      if (start === undefined) throw new Error("it was asked before");
      const place = join(folder, `${count++}`);
      mkdirSync(place, { recursive: true });
      const proxy = stack.use(await DelayProxy.start(peer.target, rtt, { hasHandshake: true }));
      const replica = stack.use(await start({ url: proxy.url, directory: place }));
      return opened(replica, proxy);
    };
    return { figures: await run({ peer, rtt, isQuick, openReplica }) };
  } catch (error) {
    return { why: withoutPaths(error instanceof Error ? error.message : String(error)) };
  }
}

function opened(replica: Replica, proxy: DelayProxy): Opened {
  return {
    replica,
    proxy,
    ask: async (request) => (await replica.ask(request, ANSWER_MS_MAX)).ms,
    async sees(id) {
      const request = { do: "query", sql: VISIBLE, values: [id] } as const;
      return (await replica.ask(request, ANSWER_MS_MAX)).rowCount === 1;
    },
  };
}

async function runCycles({ isQuick, openReplica }: Bench): Promise<readonly WorkFigure[]> {
  const [a, b] = [await openReplica(), await openReplica()];
  await a.ask({ do: "open" });
  await b.ask({ do: "open" });
  const times: number[] = [];
  const before = [a, b].map(({ proxy }) => ({ requests: proxy.requests, bytes: proxy.bytes }));
  const end = performance.now() + (isQuick ? QUICK_WORK_MS_MAX : WORK_MS_MAX);
  for (let id = 1; id <= (isQuick ? 10 : 200) && performance.now() < end; id++) {
    const start = performance.now();
    await a.ask({ do: "insert", from: id, count: 1, isOneTransaction: false });
    await a.ask({ do: "push" });
    do await b.ask({ do: "pull" });
    while (!(await b.sees(id)));
    times.push(performance.now() - start);
  }
  const after = [a, b].map(({ proxy }, at) => ({
    requests: proxy.requests - (before[at]?.requests ?? 0),
    bytes: proxy.bytes - (before[at]?.bytes ?? 0),
  }));
  const each = (pick: (one: { requests: number; bytes: number }) => number): number =>
    after.reduce((sum, one) => sum + pick(one), 0) / times.length;
  return [
    figure(`a cycle (${times.length} made), p50`, "ms", percentile(times, 0.5)),
    figure("p99", "ms", percentile(times, 0.99)),
    figure(
      "each",
      "requests",
      each(({ requests }) => requests),
    ),
    figure("each, both ways", "kB", each(({ bytes }) => bytes) / 1000),
  ];
}

async function runInserts({ isQuick, openReplica }: Bench): Promise<readonly WorkFigure[]> {
  const a = await openReplica();
  await a.ask({ do: "open" });
  const count = isQuick ? 300 : 3000;
  const insertMs = await a.ask({ do: "insert", from: 1, count, isOneTransaction: false });
  const { requests, sentBytes } = a.proxy;
  const pushMs = await a.ask({ do: "push" });
  return [
    figure(`${count} inserts`, "ms", insertMs),
    figure("push", "ms", pushMs),
    figure("push", "requests", a.proxy.requests - requests),
    figure("push, sent", "kB", (a.proxy.sentBytes - sentBytes) / 1000),
  ];
}

async function runPull({ isQuick, openReplica }: Bench): Promise<readonly WorkFigure[]> {
  const [a, b] = [await openReplica(), await openReplica()];
  await a.ask({ do: "open" });
  await b.ask({ do: "open" });
  // It has what there is so far: what follows is news.
  await b.sees(1);
  const count = isQuick ? 500 : 5000;
  await a.ask({ do: "insert", from: 1, count, isOneTransaction: true });
  await a.ask({ do: "push" });
  const { requests, receivedBytes } = b.proxy;
  const start = performance.now();
  do await b.ask({ do: "pull" });
  while (!(await b.sees(count)));
  const pullMs = performance.now() - start;
  const sql = "SELECT count(*), sum(length(v)) FROM kv";
  const scanMs = await b.ask({ do: "query", sql, values: [] });
  return [
    figure(`pull of ${count} rows and a lookup`, "ms", pullMs),
    figure("scan", "ms", scanMs),
    figure("both", "requests", b.proxy.requests - requests),
    figure("both, received", "kB", (b.proxy.receivedBytes - receivedBytes) / 1000),
  ];
}

async function runVisible({ isQuick, openReplica }: Bench): Promise<readonly WorkFigure[]> {
  const [a, b] = [await openReplica("live"), await openReplica("live")];
  await a.ask({ do: "open" });
  await b.ask({ do: "open" });
  const times: number[] = [];
  const end = performance.now() + (isQuick ? QUICK_WORK_MS_MAX : WORK_MS_MAX);
  for (let id = 1; id <= (isQuick ? 5 : 100) && performance.now() < end; id++) {
    await sleep((id * 197) % PAUSE_MS_MAX);
    const start = performance.now();
    await a.ask({ do: "insert", from: id, count: 1, isOneTransaction: false });
    while (!(await b.sees(id))) {
      if (performance.now() - start > ANSWER_MS_MAX) throw new ReplicaError("never visible");
      await sleep(LOOK_MS);
    }
    times.push(performance.now() - start);
  }
  return [
    figure(`${times.length} writes, p50`, "ms", percentile(times, 0.5)),
    figure("p99", "ms", percentile(times, 0.99)),
  ];
}

async function runHistory({ isQuick, openReplica }: Bench): Promise<readonly WorkFigure[]> {
  const a = await openReplica();
  await a.ask({ do: "open" });
  const figures: WorkFigure[] = [];
  const end = performance.now() + (isQuick ? QUICK_WORK_MS_MAX : 2 * WORK_MS_MAX);
  let made = 0;
  for (const count of isQuick ? [10] : [10, 100, 1000]) {
    for (; made < count && performance.now() < end; made++) {
      await a.ask({ do: "insert", from: made + 1, count: 1, isOneTransaction: false });
      await a.ask({ do: "push" });
    }
    const b = await openReplica();
    let ms = await b.ask({ do: "open" });
    ms += await b.ask({ do: "query", sql: VISIBLE, values: [made] });
    const { requests, receivedBytes, roundTrips } = b.proxy;
    figures.push(
      figure(`after ${made}`, "ms", ms),
      figure("of", "round trips", roundTrips),
      figure("in", "requests", requests),
      figure("with", "kB", receivedBytes / 1000),
    );
    if (made < count) break;
  }
  return figures;
}

async function runIdle({ isQuick, openReplica }: Bench): Promise<readonly WorkFigure[]> {
  const a = await openReplica("live");
  await a.ask({ do: "open" });
  await a.sees(1);
  await sleep(SETTLE_MS);
  const { requests, bytes } = a.proxy;
  const idleMs = isQuick ? QUICK_WORK_MS_MAX : WORK_MS_MAX;
  await sleep(idleMs);
  const perMinute = 60_000 / idleMs;
  return [
    figure("a minute", "requests", (a.proxy.requests - requests) * perMinute),
    figure("a minute, both ways", "kB", ((a.proxy.bytes - bytes) / 1000) * perMinute),
    figure("resident", "MB", (await a.replica.residentSize()) / 1e6),
  ];
}

function figure(name: string, unit: WorkFigure["unit"], value: number): WorkFigure {
  return { name, unit, spread: spreadOf([value]) };
}
