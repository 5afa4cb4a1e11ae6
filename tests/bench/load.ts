/**
 * Services under load: 8 clients that ask again as soon as they were answered, against a bare
 * `node:http` server that answers the same bytes. Clients, server and yardstick are a process each,
 * and the two servers take turns. Then durable commits over 32 volumes, against the object server's
 * own rate of conditional PUTs of that size.
 */
import type { Bench, BenchRow } from "./bench.ts";
import { type ServerChild, startServer } from "./graft-child.ts";
import { startBareServer } from "./load/bare-server.ts";
import { callOnce, callsASecond, type LoadRequest, type Pace } from "./load/closed-loop.ts";
import { measureDurableCommits } from "./load/durable-commits.ts";
import { grpcCallsASecond } from "./load/grpc-loop.ts";
import { processorMs } from "./load/processor-time.ts";
import { commitLoad, type Load, readLoad } from "./load/service-load.ts";
import { fillVolume } from "./load/volume-to-read.ts";
import { median } from "./measure.ts";

const CLIENTS = 8;
const RAW = "application/x-protobuf";
const RPC = "application/proto";

export const loadBench: Bench = {
  name: "load",
  what: "calls a second of 8 clients, against a bare node:http server that answers the same bytes",
  async run({ isQuick, note }): Promise<readonly BenchRow[]> {
    const pace = isQuick ? { rounds: 3, durationMs: 400 } : { rounds: 7, durationMs: 800 };
    return [...(await measureServices(pace, note)), ...(await measureDurableCommits(pace, note))];
  },
};

async function measureServices(
  pace: Pace,
  note: (text: string) => void,
): Promise<readonly BenchRow[]> {
  await using server = await startServer("memory:");
  const volume = await fillVolume(server.url);
  const rows: BenchRow[] = [];
  for (const load of [readLoad(volume, 1), readLoad(volume, 64), await commitLoad(CLIENTS)]) {
    note(load.name);
    rows.push(...(await measure(load, server, pace)));
  }
  return rows;
}

async function measure(
  load: Load,
  server: Pick<ServerChild, "url" | "pid">,
  pace: Pace,
): Promise<readonly BenchRow[]> {
  const port = Number(new URL(server.url).port);
  const request = (path: string, contentType: string, body: Load["body"]) => {
    return (client: number): LoadRequest => ({ path, contentType, body: body(client) });
  };
  const raw = request(load.rawPath, RAW, load.body);
  const rpc = request(load.rpcPath, RPC, load.body);
  await using bare = await startBareServer(await callOnce(port, raw(0)));
  const sample = load.body(CLIENTS);
  const common = { clients: CLIENTS, durationMs: pace.durationMs };
  const sameSize = request(load.rawPath, RAW, () => sample);
  const ofBare = { ...common, port: bare.port };
  const ofServer = { ...common, port };
  const subjects: readonly Subject[] = [
    { name: "node:http", pid: bare.pid, run: () => callsASecond({ ...ofBare, next: sameSize }) },
    { name: "raw route", pid: server.pid, run: () => callsASecond({ ...ofServer, next: raw }) },
    { name: "Connect", pid: server.pid, run: () => callsASecond({ ...ofServer, next: rpc }) },
    { name: "gRPC", pid: server.pid, run: () => grpcCallsASecond({ ...ofServer, next: rpc }) },
  ];
  const rounds: Round[][] = subjects.map(() => []);
  // Servers that run for days are compiled: so is what is measured here.
  for (let warmUp = 0; warmUp < 3; warmUp++) for (const { run } of subjects) await run();
  for (let round = 0; round < pace.rounds; round++) {
    for (const [at, subject] of subjects.entries()) {
      rounds[at]?.push(await measureOnce(subject, pace));
    }
  }
  return subjects.flatMap(({ name }, at) =>
    rowsOf(`${load.name}, ${name}`, rounds[at] ?? [], rounds[0] ?? [], {
      ...(name === "raw route" ? { budget: { min: load.budget } } : {}),
    }),
  );
}

interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly run: () => Promise<number>;
}

interface Round {
  readonly callsASecond: number;
  /** Of the server, µs a call; undefined where the machine does not tell. */
  readonly processorUs: number | undefined;
}

async function measureOnce({ pid, run }: Subject, { durationMs }: Pace): Promise<Round> {
  const before = processorMs(pid);
  const rate = await run();
  const after = processorMs(pid);
  const calls = (rate * durationMs) / 1000;
  const isKnown = before !== undefined && after !== undefined;
  return {
    callsASecond: rate,
    processorUs: isKnown ? ((after - before) * 1000) / calls : undefined,
  };
}

function rowsOf(
  name: string,
  mine: readonly Round[],
  bare: readonly Round[],
  budget: Pick<BenchRow, "budget">,
): readonly BenchRow[] {
  const row = (what: string, unit: string, pick: (round: Round) => number): BenchRow => ({
    name: `${name}${what}`,
    value: median(mine.map(pick)),
    unit,
    ratio: median(mine.map((round, at) => pick(round) / pick(bare[at] ?? round))),
    baseline: "node:http",
  });
  const rate = row("", "calls/s", (round) => round.callsASecond);
  if (mine.some(({ processorUs }) => processorUs === undefined)) return [{ ...rate, ...budget }];
  const processor = row(": processor time a call", "µs", (round) => round.processorUs ?? 0);
  return [{ ...rate, ...budget }, processor];
}
