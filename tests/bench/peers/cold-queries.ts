/**
 * Every query on every peer: cold in a fresh replica, the same again, and then with other values.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { DatasetQuery } from "../dataset.ts";
import { DelayProxy } from "../delay-proxy.ts";
import type { StartedPeer } from "./peer.ts";
import { type Replica, type ReplicaAnswer, ReplicaError } from "./replica.ts";
import type { ColdMeasured, ColdResult } from "./scorecard.ts";
import { spreadOf } from "./spread.ts";

export interface ColdPlan {
  /** By name. */
  readonly peers: ReadonlyMap<string, StartedPeer>;
  readonly queries: readonly DatasetQuery[];
  readonly rtts: readonly number[];
  readonly samples: number;
  /** For one answer; who takes longer has failed. */
  readonly msMax: number;
  readonly directory: string;
  readonly file: string;
  readonly note: (text: string) => void;
}

interface Counts {
  readonly ms: number;
  readonly roundTrips: number;
  readonly requests: number;
  readonly bytesDown: number;
}

interface Sample extends Counts {
  readonly openMs: number;
  readonly connections: number;
  readonly residentBytes: number;
  readonly again: Counts;
  readonly similar: Counts | undefined;
}

export async function measureCold(plan: ColdPlan): Promise<readonly ColdResult[]> {
  const results: ColdResult[] = [];
  for (const rtt of plan.rtts) {
    for (const query of plan.queries) {
      plan.note(`${query.name} ${query.what}, ${rtt} ms`);
      results.push(...(await measureQuery(plan, query, rtt)));
    }
  }
  return results;
}

/** The peers take turns, so that what the machine does besides hits all of them. */
async function measureQuery(
  plan: ColdPlan,
  query: DatasetQuery,
  rtt: number,
): Promise<readonly ColdResult[]> {
  const samples = new Map<string, Sample[]>();
  const failures = new Map<string, string>();
  const count = query.parameters.length > 1 ? plan.samples : 1;
  for (let at = 0; at < count; at++) {
    for (const [name, peer] of plan.peers) {
      if (failures.has(name)) continue;
      try {
        const sample = await takeSample(plan, peer, { query, at, rtt });
        samples.set(name, [...(samples.get(name) ?? []), sample]);
      } catch (error) {
        if (!(error instanceof ReplicaError)) throw error;
        failures.set(name, error.message);
      }
    }
  }
  return [...plan.peers.keys()].map((peer): ColdResult => {
    const subject = { peer, query: query.name, rtt };
    const why = failures.get(peer);
    if (why !== undefined) return { kind: "failed", ...subject, why };
    return { kind: "measured", ...subject, ...summarize(samples.get(peer) ?? []) };
  });
}

async function takeSample(
  plan: ColdPlan,
  peer: StartedPeer,
  { query, at, rtt }: { readonly query: DatasetQuery; readonly at: number; readonly rtt: number },
): Promise<Sample> {
  const directory = join(plan.directory, "replica");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  await using proxy = await DelayProxy.start(peer.target, rtt, { hasHandshake: true });
  await using replica = await peer.startReplica({ url: proxy.url, directory });
  const count = counterOf(proxy);
  // A library may have looked around while it was loaded.
  count(0);
  const open = await replica.ask({ do: "open" }, plan.msMax);
  const values = query.parameters[at] ?? [];
  const ask = (values: readonly number[]): Promise<ReplicaAnswer> =>
    askRightly(replica, plan, query.sql, values);
  const first = await ask(values);
  const cold = count(open.ms + first.ms);
  const { connections } = proxy;
  const again = count((await ask(values)).ms);
  const residentBytes = await replica.residentSize();
  const other = query.parameters[at + plan.samples];
  const similar = other === undefined ? undefined : count((await ask(other)).ms);
  return { ...cold, openMs: open.ms, connections, residentBytes, again, similar };
}

/** What has passed since the last time. */
function counterOf(proxy: DelayProxy): (ms: number) => Counts {
  let before = { roundTrips: 0, requests: 0, receivedBytes: 0 };
  return (ms) => {
    const { roundTrips, requests, receivedBytes } = proxy;
    const counts = {
      ms,
      roundTrips: roundTrips - before.roundTrips,
      requests: requests - before.requests,
      bytesDown: receivedBytes - before.receivedBytes,
    };
    before = { roundTrips, requests, receivedBytes };
    return counts;
  };
}

/** A fast wrong answer is none. */
async function askRightly(
  replica: Replica,
  { file, msMax }: ColdPlan,
  sql: string,
  values: readonly number[],
): Promise<ReplicaAnswer> {
  const answer = await replica.ask({ do: "query", sql, values }, msMax);
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = db.prepare(sql).all(...values);
    const first = Object.values(rows[0] ?? {})[0] ?? null;
    if (answer.rowCount === rows.length && answer.first === first) return answer;
    const said = `${answer.rowCount} rows that begin with ${answer.first}`;
    throw new ReplicaError(`wrong answer: ${said}, expected ${rows.length} with ${first}`);
  } finally {
    db.close();
  }
}

function summarize(
  samples: readonly Sample[],
): Omit<ColdMeasured, "kind" | "peer" | "query" | "rtt"> {
  const similar = samples.flatMap((sample) => sample.similar ?? []);
  return {
    ms: spreadOf(samples.map(({ ms }) => ms)),
    openMs: spreadOf(samples.map(({ openMs }) => openMs)),
    roundTrips: spreadOf(samples.map(({ roundTrips }) => roundTrips)),
    requests: spreadOf(samples.map(({ requests }) => requests)),
    bytesDown: spreadOf(samples.map(({ bytesDown }) => bytesDown)),
    connections: spreadOf(samples.map(({ connections }) => connections)),
    residentBytes: spreadOf(samples.map(({ residentBytes }) => residentBytes)),
    again: {
      ms: spreadOf(samples.map(({ again }) => again.ms)),
      requests: spreadOf(samples.map(({ again }) => again.requests)),
    },
    ...(similar.length > 0 && {
      similar: {
        ms: spreadOf(similar.map(({ ms }) => ms)),
        roundTrips: spreadOf(similar.map(({ roundTrips }) => roundTrips)),
        bytesDown: spreadOf(similar.map(({ bytesDown }) => bytesDown)),
      },
    }),
  };
}
