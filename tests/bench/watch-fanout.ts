/**
 * From a commit's request to its news, as a thousand watchers hear of it: a thousand replicas of
 * one volume, each on a connection of its own, and a thousand volumes on one stream. On `memory:`,
 * so that the object store's PUT takes no time. The server, the watchers and the yardstick are a
 * process each. Then a commit through one node and its news through another.
 */
import { once } from "node:events";
import * as http from "node:http";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { NatsServer } from "@graft/metastore/testing";
import { WatchRequestSchema } from "@graft/proto-gen/metastore";
import { fromWatchRequest } from "@graft/rpc";
import { setup } from "../../scripts/nats.ts";
import type { Bench, BenchRow } from "./bench.ts";
import { BareStreamServer } from "./fanout/bare-stream-server.ts";
import { machineMs, Watchers } from "./fanout/watchers.ts";
import { type ServerChild, startServer } from "./graft-child.ts";
import { CommitChain } from "./load/commit-chain.ts";
import { processorMs } from "./load/processor-time.ts";
import { median, percentile } from "./measure.ts";

const WATCHERS = 1000;
const VOLUMES = 1000;
const WARM_UP = 20;
/** Of one commit of a page that does not compress. */
const EVENT_SIZE = 4300;
/** DESIGN §11: beyond the PUT. */
const BUDGETS = { p50: { max: 10 }, p99: { max: 50 } };

export const watchFanoutBench: Bench = {
  name: "watch-fanout",
  what: "from a commit's request to its news: 1,000 watchers of a volume, 1,000 volumes on a stream",
  async run({ isQuick, directory, note }): Promise<readonly BenchRow[]> {
    const commits = isQuick ? 40 : 200;
    return [
      ...(await manyWatchers(commits, note)),
      ...(await manyVolumes(commits, note)),
      ...(await anotherNode(commits, directory, note)),
    ];
  },
};

async function manyWatchers(
  commits: number,
  note: (text: string) => void,
): Promise<readonly BenchRow[]> {
  await using server = await startServer("memory:");
  const chain = new CommitChain();
  await chain.prepare();
  using writer = new Writer(server);
  await writer.commit(chain);
  const alone = await timesOf(commits, async () => {
    const startMs = machineMs();
    await writer.commit(chain);
    return [machineMs() - startMs];
  });
  const sizeBefore = await server.residentSize();
  note(`opening ${WATCHERS} streams`);
  await using watchers = await Watchers.open(writer.port, WATCHERS, watchRequest([chain]));
  const size = (await server.residentSize()) - sizeBefore;
  await using bare = await BareStreamServer.start(EVENT_SIZE);
  await using others = await Watchers.open(bare.port, WATCHERS, new Uint8Array(1));
  const bareTimes: number[] = [];
  let usedMs = 0;
  const times = await timesOf(commits, async () => {
    const bareHeard = others.heard();
    const bareMs = machineMs();
    bare.tell();
    bareTimes.push(...(await bareHeard).map((ms) => ms - bareMs));
    const beforeMs = processorMs(server.pid) ?? Number.NaN;
    const heard = watchers.heard();
    const startMs = machineMs();
    await writer.commit(chain);
    const latencies = (await heard).map((ms) => ms - startMs);
    usedMs += (processorMs(server.pid) ?? Number.NaN) - beforeMs;
    return latencies;
  });
  const usedUs = (usedMs * 1000) / (WATCHERS * (commits + WARM_UP));
  return [
    { name: "a commit that nobody watches, p50", value: median(alone), unit: "ms" },
    { name: "a bare node:http server to as many, p50", value: median(bareTimes), unit: "ms" },
    {
      name: "a bare node:http server to as many, p99",
      value: percentile(bareTimes, 0.99),
      unit: "ms",
    },
    ...rowsOf(`${WATCHERS} watchers of one volume`, times),
    { name: "… server memory for each", value: size / WATCHERS / 1024, unit: "KiB" },
    { name: "… server processor time for each and commit", value: usedUs, unit: "µs" },
  ];
}

async function manyVolumes(
  commits: number,
  note: (text: string) => void,
): Promise<readonly BenchRow[]> {
  await using server = await startServer("memory:");
  using writer = new Writer(server);
  note(`making ${VOLUMES} volumes`);
  const chains = Array.from({ length: VOLUMES }, () => new CommitChain(1));
  for (const chain of chains) {
    await chain.prepare();
    await writer.commit(chain);
  }
  const sizeBefore = await server.residentSize();
  await using watchers = await Watchers.open(writer.port, 1, watchRequest(chains));
  const size = (await server.residentSize()) - sizeBefore;
  let at = 0;
  const times = await timesOf(commits, async () => {
    const chain = chains[(at++ * 7) % VOLUMES];
    if (chain === undefined) throw new Error("there is a chain for each volume");
    const heard = watchers.heard();
    const startMs = machineMs();
    await writer.commit(chain);
    return (await heard).map((ms) => ms - startMs);
  });
  return [
    ...rowsOf(`${VOLUMES} volumes on one stream`, times),
    { name: "… server memory for each", value: size / VOLUMES / 1024, unit: "KiB" },
  ];
}

/** A commit through one node, its news through another: over NATS, and a store on files. */
async function anotherNode(
  commits: number,
  directory: string,
  note: (text: string) => void,
): Promise<readonly BenchRow[]> {
  setup();
  if ((process.env.GRAFT_TEST_NATS_SERVER ?? "") === "") {
    note("no nats-server: another node's commits are left out");
    return [];
  }
  await using nats = await NatsServer.start();
  const store = `file:${join(directory, "store")}`;
  await using one = await startServer(store, "--notify", nats.url);
  await using two = await startServer(store, "--notify", nats.url);
  using writer = new Writer(one);
  const chain = new CommitChain();
  await chain.prepare();
  await writer.commit(chain);
  const port = Number(new URL(two.url).port);
  await using watchers = await Watchers.open(port, 1, watchRequest([chain]));
  const alone: number[] = [];
  const times = await timesOf(commits, async () => {
    const heard = watchers.heard();
    const startMs = machineMs();
    await writer.commit(chain);
    alone.push(machineMs() - startMs);
    return (await heard).map((ms) => ms - startMs);
  });
  return [
    { name: "a commit on files, p50", value: median(alone), unit: "ms" },
    ...rowsOf("its news through another node, over NATS", times),
  ];
}

function rowsOf(name: string, times: readonly number[]): readonly BenchRow[] {
  const [p50, p99] = [median(times), percentile(times, 0.99)];
  return [
    { name: `${name}, p50`, value: p50, unit: "ms", budget: BUDGETS.p50 },
    { name: `${name}, p99`, value: p99, unit: "ms", budget: BUDGETS.p99 },
  ];
}

/** What some rounds measured, after a few that warm up. */
async function timesOf(
  count: number,
  round: () => Promise<readonly number[]>,
): Promise<readonly number[]> {
  for (let at = 0; at < WARM_UP; at++) await round();
  const times: number[] = [];
  for (let at = 0; at < count; at++) times.push(...(await round()));
  return times;
}

/** From the first commit of each on. */
function watchRequest(chains: readonly CommitChain[]): Uint8Array {
  const volumes = chains.map(({ volumeId }) => ({ volumeId }));
  const request = fromWatchRequest({ volumes, heartbeatMs: 60_000, omitPages: false });
  return toBinary(WatchRequestSchema, request);
}

/** Commits over one connection. */
class Writer implements Disposable {
  readonly port: number;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  constructor({ url }: ServerChild) {
    this.port = Number(new URL(url).port);
  }

  async commit(chain: CommitChain): Promise<void> {
    const request = http.request({
      agent: this.#agent,
      port: this.port,
      path: "/metastore/v1/commit",
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
    });
    request.end(chain.next());
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.resume();
    await once(response, "end");
    if (response.statusCode !== 200)
      throw new Error(`a commit was answered ${response.statusCode}`);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
