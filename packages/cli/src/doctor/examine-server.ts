/** A server, over the network: health, both services, round trip, clock. */
import { openNodeRemote } from "@graft/client/node";
import {
  type Clock,
  createVolumeId,
  GraftError,
  PAGE_SIZE_DEFAULT,
  pageRange,
  type Random,
  toLsn,
} from "@graft/core";
import { BUILD_VERSION } from "@graft/rpc";
import type { Check, Judgement } from "./check.ts";
import { withDeadline } from "./deadline.ts";
import {
  judgeClockSkew,
  judgeFailure,
  judgeHealth,
  judgeHints,
  judgeRoundTrip,
  judgeService,
} from "./judge.ts";

const TIMEOUT_MS = 5_000;
const ROUND_TRIP_COUNT = 9;
/** `Date` is cut to a second: half of one is added back. */
const DATE_HALF_MS = 500;

export interface ServerMeans {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly fetch: typeof globalThis.fetch;
}

export interface ServerPlace {
  readonly url: string;
  readonly pagestoreUrl: string;
  readonly token: string | undefined;
}

/** Looks at the server of both services, or at the two servers. */
export async function* examineServer(
  place: ServerPlace,
  means: ServerMeans,
): AsyncGenerator<Check> {
  const urls = [...new Set([place.url, place.pagestoreUrl])];
  let isUp = true;
  for (const url of urls) {
    for await (const check of examineHealth(url, means)) {
      isUp &&= check.status !== "fail";
      yield check;
    }
  }
  if (isUp) yield* examineServices(place, means);
}

async function* examineHealth(url: string, means: ServerMeans): AsyncGenerator<Check> {
  const { clock } = means;
  let answer: HealthAnswer;
  try {
    answer = await askHealth(url, means);
  } catch (error) {
    means.signal.throwIfAborted();
    const advice = "start one (graft start, graft serve), or name the right one with --url";
    yield { name: "server health", target: url, ...judgeFailure(outageOf(error), advice) };
    return;
  }
  const { status, body, dateMs, tookMs, nowMs } = answer;
  const metrics = await askMetrics(url, means);
  const version = /^graft_build_info\{[^}]*version="([^"]+)"/m.exec(metrics)?.[1];
  yield {
    name: "server health",
    target: url,
    ...judgeHealth({ status, body, version, ownVersion: BUILD_VERSION }),
  };
  const skewMs = dateMs === undefined ? undefined : dateMs + DATE_HALF_MS - (nowMs - tookMs / 2);
  yield { name: "server clock", target: url, ...judgeClockSkew(skewMs, "server") };
  // Only a server with `--notify nats://…` has it.
  const hearing = /^graft_notify_hearing ([01])/m.exec(metrics)?.[1];
  if (hearing !== undefined) {
    yield { name: "server hints", target: url, ...judgeHints(hearing === "1") };
  }
  const timesMs: number[] = [];
  for (let count = 0; count < ROUND_TRIP_COUNT; count++) {
    const startMs = clock.monotonicMs();
    await askHealth(url, means);
    timesMs.push(clock.monotonicMs() - startMs);
  }
  yield { name: "server round trip", target: url, ...judgeRoundTrip(timesMs) };
}

interface HealthAnswer {
  readonly status: number;
  readonly body: string;
  readonly dateMs: number | undefined;
  readonly tookMs: number;
  /** This machine's wall clock when the answer was there. */
  readonly nowMs: number;
}

function askHealth(url: string, means: ServerMeans): Promise<HealthAnswer> {
  return withDeadline(url, TIMEOUT_MS, means, async (signal) => {
    const startMs = means.clock.monotonicMs();
    const response = await means.fetch(`${url}/healthz`, { signal });
    const body = await response.text();
    const date = Date.parse(response.headers.get("date") ?? "");
    return {
      status: response.status,
      body,
      dateMs: Number.isNaN(date) ? undefined : date,
      tookMs: means.clock.monotonicMs() - startMs,
      nowMs: means.clock.nowMs(),
    };
  });
}

/** What `/metrics` says; empty where a server does not give it. */
async function askMetrics(url: string, means: ServerMeans): Promise<string> {
  try {
    return await withDeadline(url, TIMEOUT_MS, means, async (signal) =>
      (await means.fetch(`${url}/metrics`, { signal })).text(),
    );
  } catch {
    means.signal.throwIfAborted();
    return "";
  }
}

/** Asks each service about a volume that cannot exist. */
async function* examineServices(place: ServerPlace, means: ServerMeans): AsyncGenerator<Check> {
  const { url, pagestoreUrl, token } = place;
  const remote = openNodeRemote({
    url: { metastore: url, pagestore: pagestoreUrl },
    token,
    timeoutMs: TIMEOUT_MS,
  });
  const volumeId = createVolumeId(means);
  const ask = async (run: (signal: AbortSignal) => Promise<unknown>): Promise<Judgement> => {
    try {
      await withDeadline(remote.name, TIMEOUT_MS, means, run);
      return judgeService(undefined);
    } catch (error) {
      means.signal.throwIfAborted();
      return judgeService(error);
    }
  };
  try {
    const metastore = await ask((signal) => remote.getSnapshot(volumeId, signal));
    yield { name: "MetaStore", target: url, ...metastore };
    const request = {
      volumeId,
      lsn: toLsn(1n),
      pages: pageRange(1, 1),
      pageSize: PAGE_SIZE_DEFAULT,
    };
    const pagestore = await ask((signal) => remote.readPages(request, signal));
    yield { name: "PageStore", target: pagestoreUrl, ...pagestore };
  } finally {
    await remote.close();
  }
}

/** `fetch` hides the reason in the cause of the cause. */
function outageOf(error: unknown): unknown {
  if (error instanceof GraftError || !(error instanceof Error)) return error;
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return new GraftError("unavailable", `it cannot be reached: ${cause}`, { cause: error });
}
