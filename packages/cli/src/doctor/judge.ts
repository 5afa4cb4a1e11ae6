/** From what was measured to what a person should do: thresholds and advice, and nothing else. */
import { CLOCK_SKEW_MAX_MS, ERROR_MANUAL, GraftError } from "@graft/core";
import { formatBytes, formatDuration } from "../format-units.ts";
import type { Judgement } from "./check.ts";

/** A reply later than this makes every cold page a wait. */
const ROUND_TRIP_SLOW_MS = 150;
/** A PUT later than this is felt in every push. */
const STORE_PUT_SLOW_MS = 500;
const STORE_GET_SLOW_MS = 250;
/** A flush later than this is felt in every local commit. */
const FLUSH_SLOW_MS = 25;
/** Clocks are read to a second: less than this is agreement. */
const SKEW_NOISE_MS = 2_000;
const SKEW_WARN_MS = 60_000;
const FREE_WARN_BYTES = 1024 ** 3;
const FREE_FAIL_BYTES = 64 * 1024 ** 2;

/** The middle of what was measured; 0 of nothing. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export function judgeRoundTrip(timesMs: readonly number[]): Judgement {
  const medianMs = medianOf(timesMs);
  const found = `median ${formatDuration(medianMs)} of ${timesMs.length}, worst ${formatDuration(Math.max(...timesMs))}`;
  const values = { medianMs };
  if (medianMs <= ROUND_TRIP_SLOW_MS) return { status: "ok", found, values };
  const advice = "the server is far away: hydrate what is read often, or run a PageStore nearer";
  return { status: "warn", found, advice, values };
}

/**
 * @param skewMs the other clock minus this one
 * @param whose "server" or "object store"
 */
export function judgeClockSkew(skewMs: number | undefined, whose: string): Judgement {
  if (skewMs === undefined) return { status: "ok", found: `the ${whose} gives no time` };
  const values = { skewMs };
  const size = Math.abs(skewMs);
  const direction = skewMs > 0 ? "ahead of" : "behind";
  if (size <= SKEW_NOISE_MS) {
    return { status: "ok", found: "clocks agree to two seconds", values };
  }
  const found = `the ${whose}'s clock is ${formatDuration(size)} ${direction} this machine's`;
  if (size <= SKEW_WARN_MS) return { status: "ok", found, values };
  const advice = "set both clocks by NTP";
  if (size <= CLOCK_SKEW_MAX_MS) return { status: "warn", found, advice, values };
  const limit = formatDuration(CLOCK_SKEW_MAX_MS);
  const effect = `a MetaStore more than ${limit} from its store's clock refuses to commit`;
  return { status: "fail", found, advice: `${advice}: ${effect}`, values };
}

/** @param isHearing whether hints of other MetaStores come through */
export function judgeHints(isHearing: boolean): Judgement {
  if (isHearing) return { status: "ok", found: "hints of other MetaStores come through" };
  const found =
    "NATS, or a node that was heard before, cannot be heard: watched volumes are probed";
  const advice = "nothing is lost, but news takes longer; see that NATS runs, and the server's log";
  return { status: "warn", found, advice };
}

export function judgeStoreLatency(putMs: readonly number[], getMs: readonly number[]): Judgement {
  const [put, get] = [medianOf(putMs), medianOf(getMs)];
  const found = `4 KiB: put median ${formatDuration(put)}, get median ${formatDuration(get)}`;
  const values = { putMedianMs: put, getMedianMs: get };
  if (put <= STORE_PUT_SLOW_MS && get <= STORE_GET_SLOW_MS) return { status: "ok", found, values };
  const advice = "run the servers in the region of the store, or use a nearer store";
  return { status: "warn", found, advice, values };
}

export function judgeFlush(timesMs: readonly number[]): Judgement {
  const medianMs = medianOf(timesMs);
  const found = `write and flush of 4 KiB: median ${formatDuration(medianMs)}`;
  const values = { medianMs };
  if (medianMs <= FLUSH_SLOW_MS) return { status: "ok", found, values };
  const advice = 'every local commit waits for this: use a faster disk, or durability "relaxed"';
  return { status: "warn", found, advice, values };
}

export function judgeFreeSpace(freeBytes: number): Judgement {
  const found = `${formatBytes(freeBytes)} free`;
  const values = { freeBytes };
  if (freeBytes >= FREE_WARN_BYTES) return { status: "ok", found, values };
  const advice = "free some space, or keep the data directory on another disk (--path)";
  return { status: freeBytes < FREE_FAIL_BYTES ? "fail" : "warn", found, advice, values };
}

/** What the answer of `/healthz` and the version of the server say, beside ours. */
export function judgeHealth(answer: {
  readonly status: number;
  readonly body: string;
  /** Undefined: the server does not say. */
  readonly version: string | undefined;
  /** Of this program. */
  readonly ownVersion: string;
}): Judgement {
  const { status, body, version, ownVersion } = answer;
  const values = { status, ownVersion, ...(version !== undefined && { version }) };
  if (status === 503) {
    const advice = "the server is stopping: start another one";
    return { status: "warn", found: `answers 503: ${body.trim()}`, advice, values };
  }
  if (status !== 200) {
    const found = `answers ${status}: ${body.trim().slice(0, 80)}`;
    const advice = "something else listens there, or a proxy stands between: check the URL";
    return { status: "fail", found, advice, values };
  }
  if (version === undefined) return { status: "ok", found: "serving, version not told", values };
  if (version === ownVersion) return { status: "ok", found: `serving, version ${version}`, values };
  const found = `serving, version ${version}; this program is ${ownVersion}`;
  return {
    status: "warn",
    found,
    advice: "bring the older one to the version of the other",
    values,
  };
}

/** A question about a volume that nobody has: any answer is a good one. */
export function judgeService(error: unknown): Judgement {
  if (error === undefined || (error instanceof GraftError && error.code === "not-found")) {
    return { status: "ok", found: "answers" };
  }
  if (error instanceof GraftError && error.code === "permission-denied") {
    return { status: "ok", found: "answers, with a token for some volumes only" };
  }
  return judgeFailure(error);
}

/** An error where none was expected, with what its code's manual says. */
export function judgeFailure(error: unknown, advice?: string): Judgement {
  if (!(error instanceof GraftError)) {
    const found = error instanceof Error ? error.message : String(error);
    return { status: "fail", found, ...(advice !== undefined && { advice }) };
  }
  const values = { code: error.code };
  return {
    status: "fail",
    found: error.message,
    advice: advice ?? ERROR_MANUAL[error.code].hint,
    values,
  };
}
