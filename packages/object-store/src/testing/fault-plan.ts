import { type Random, randomUnit } from "@graft/core";
import type { ObjectStoreOperation } from "../object-store.ts";

/** What goes wrong with one call. */
export type ObjectStoreFault =
  /** The call takes this much longer, then goes its way; further rules may strike it as well. */
  | { readonly kind: "latency"; readonly minMs: number; readonly maxMs: number }
  /** 5xx: nothing was done. */
  | { readonly kind: "unavailable" }
  /** 503 SlowDown: nothing was done; the answer asks to wait. */
  | { readonly kind: "throttled"; readonly retryAfterMs: number }
  /** It was done, and the reply was lost. */
  | { readonly kind: "reply-lost" }
  /** The reply is lost, and it is done only later, when the caller may have decided otherwise. */
  | { readonly kind: "lands-late"; readonly delayMs: number }
  /** A get answers fewer bytes than it should, and does not say so. */
  | { readonly kind: "truncated" }
  /** A get answers with one bit turned over. */
  | { readonly kind: "corrupted" };

/** When a fault strikes. */
export interface FaultRule {
  readonly fault: ObjectStoreFault;
  /** Default: all. */
  readonly operations?: readonly ObjectStoreOperation[];
  /** Keys that start so. Default: all. */
  readonly prefix?: string;
  /** Of the calls that match, how many are struck: 0 … 1. Default: 1, all. */
  readonly probability?: number;
  /** Calls that match and are let through first. Default: 0. */
  readonly skip?: number;
  /** Calls struck at most. Default: no limit. */
  readonly times?: number;
}

interface RuleState {
  readonly rule: FaultRule;
  skipped: number;
  struck: number;
}

/** Rules, and how often each has struck. */
export class FaultPlan {
  readonly #rules: readonly RuleState[];

  constructor(rules: readonly FaultRule[]) {
    this.#rules = rules.map((rule) => ({ rule, skipped: 0, struck: 0 }));
  }

  /** The faults of one call: all latencies that match, and the first other fault. */
  strike(
    operation: ObjectStoreOperation,
    key: string,
    random: Random,
  ): readonly ObjectStoreFault[] {
    const faults: ObjectStoreFault[] = [];
    for (const state of this.#rules) {
      const isLatency = state.rule.fault.kind === "latency";
      if (!isLatency && faults.some((fault) => fault.kind !== "latency")) continue;
      if (matches(state.rule, operation, key) && draws(state, random))
        faults.push(state.rule.fault);
    }
    return faults;
  }

  /** Calls struck so far, by all rules. */
  get strikeCount(): number {
    return this.#rules.reduce((sum, state) => sum + state.struck, 0);
  }
}

function matches(rule: FaultRule, operation: ObjectStoreOperation, key: string): boolean {
  if (rule.operations !== undefined && !rule.operations.includes(operation)) return false;
  return key.startsWith(rule.prefix ?? "");
}

function draws(state: RuleState, random: Random): boolean {
  const { probability = 1, skip = 0, times = Number.POSITIVE_INFINITY } = state.rule;
  if (state.struck >= times) return false;
  if (state.skipped < skip) {
    state.skipped++;
    return false;
  }
  if (probability < 1 && randomUnit(random) >= probability) return false;
  state.struck++;
  return true;
}
