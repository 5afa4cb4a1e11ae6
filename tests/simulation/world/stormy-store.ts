import type { SimulatedClock } from "@graft/core/testing";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { AwkwardStore, type AwkwardStoreParts } from "./awkward-store.ts";

/** Latency of an object store that is well, ms. */
const LATENCY = { fault: { kind: "latency", minMs: 0.2, maxMs: 4 } } as const;
/** After so long without a byte the store's client gives up a request, ms. */
const IDLE_MS = 20_000;

type Rules = ConstructorParameters<typeof FaultyObjectStore>[1];

export interface StormyStoreParts extends AwkwardStoreParts {
  readonly clock: SimulatedClock;
}

/** The object store that all services share, in weather of several kinds at once. */
export class StormyStore extends FaultyObjectStore {
  readonly bucket: AwkwardStore;
  readonly #parts: StormyStoreParts;
  readonly #weather = new Map<"storm" | "spoil" | "hang", Rules>();

  constructor(parts: StormyStoreParts) {
    const bucket = new AwkwardStore({ ...parts, random: parts.random.fork() });
    super(bucket, [LATENCY], parts.random.fork(), parts.clock);
    this.bucket = bucket;
    this.#parts = parts;
  }

  /** It errs, throttles, loses answers, and lands writes late. */
  storm(probability: number): void {
    const writes = { operations: ["create", "put"], probability } as const;
    this.#set("storm", [
      { fault: { kind: "latency", minMs: 50, maxMs: 2_000 }, probability: probability / 4 },
      { fault: { kind: "unavailable" }, probability },
      { fault: { kind: "throttled", retryAfterMs: 300 }, probability: probability / 2 },
      { fault: { kind: "reply-lost" }, ...writes },
      { fault: { kind: "lands-late", delayMs: this.#drawDelayMs() }, ...writes },
    ]);
  }

  /** It sends too few bytes, and wrong ones. */
  spoil(probability: number): void {
    this.#set("spoil", [
      { fault: { kind: "truncated" }, probability },
      { fault: { kind: "corrupted" }, probability },
    ]);
  }

  get isSpoiling(): boolean {
    return this.#weather.has("spoil");
  }

  /** It begins to answer and goes silent, until its client gives up. */
  hang(probability: number): void {
    const rule = {
      fault: { kind: "latency", minMs: IDLE_MS, maxMs: IDLE_MS },
      probability,
    } as const;
    this.#set("hang", [rule]);
  }

  /** Hints are old or missing, and a client sends its creates twice. */
  beAwkward(chance: number): void {
    this.bucket.staleChance = chance;
    this.bucket.resentChance = chance;
  }

  calm(): void {
    this.bucket.restore();
    this.beAwkward(0);
    this.#weather.clear();
    this.setRules(LATENCY);
  }

  #set(kind: "storm" | "spoil" | "hang", rules: Rules): void {
    this.#weather.set(kind, rules);
    this.setRules(LATENCY, ...[...this.#weather.values()].flat());
  }

  #drawDelayMs(): number {
    return this.#parts.random.integer(1, 5_000);
  }
}
