/**
 * Services under load: 8 clients that ask again as soon as they were answered, against a bare
 * `node:http` server that answers the same bytes. Clients, server and yardstick are a process each,
 * and the two servers take turns. Then durable commits over 32 volumes, against the object server's
 * own rate of conditional PUTs of that size.
 */
import type { Bench, BenchRow } from "./bench.ts";
import { startServer } from "./graft-child.ts";
import { startBareServer } from "./load/bare-server.ts";
import { callOnce, callsASecond, type LoadRequest, type Pace } from "./load/closed-loop.ts";
import { measureDurableCommits } from "./load/durable-commits.ts";
import { grpcCallsASecond } from "./load/grpc-loop.ts";
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
  const port = Number(new URL(server.url).port);
  const volume = await fillVolume(server.url);
  const rows: BenchRow[] = [];
  for (const load of [readLoad(volume, 1), readLoad(volume, 64), await commitLoad(CLIENTS)]) {
    note(load.name);
    rows.push(...(await measure(load, port, pace)));
  }
  return rows;
}

async function measure(load: Load, port: number, pace: Pace): Promise<readonly BenchRow[]> {
  const request = (path: string, contentType: string, body: Load["body"]) => {
    return (client: number): LoadRequest => ({ path, contentType, body: body(client) });
  };
  const raw = request(load.rawPath, RAW, load.body);
  const rpc = request(load.rpcPath, RPC, load.body);
  await using bare = await startBareServer(await callOnce(port, raw(0)));
  const sample = load.body(CLIENTS);
  const common = { clients: CLIENTS, durationMs: pace.durationMs };
  const sameSize = request(load.rawPath, RAW, () => sample);
  const subjects = [
    { name: "node:http", run: () => callsASecond({ ...common, port: bare.port, next: sameSize }) },
    { name: "raw route", run: () => callsASecond({ ...common, port, next: raw }) },
    { name: "Connect", run: () => callsASecond({ ...common, port, next: rpc }) },
    { name: "gRPC", run: () => grpcCallsASecond({ ...common, port, next: rpc }) },
  ];
  const rates = subjects.map((): number[] => []);
  // Servers that run for days are compiled: so is what is measured here.
  for (let warmUp = 0; warmUp < 3; warmUp++) for (const { run } of subjects) await run();
  for (let round = 0; round < pace.rounds; round++) {
    for (const [at, { run }] of subjects.entries()) rates[at]?.push(await run());
  }
  return subjects.map(({ name }, at) => {
    const mine = rates[at] ?? [];
    return {
      name: `${load.name}: ${name}`,
      value: median(mine),
      unit: "calls/s",
      ratio: median(mine.map((rate, round) => rate / (rates[0]?.[round] ?? Number.NaN))),
      baseline: "node:http",
      ...(name === "raw route" ? { budget: { min: load.budget } } : {}),
    };
  });
}
