import { type Clock, GraftError, type Random } from "@graft/core";
import type { Log } from "@graft/rpc";
import type { HintBus } from "./hint-bus.ts";
import type { NatsLocation } from "./nats-location.ts";
import { parseNatsLocation } from "./nats-location.ts";

/**
 * Whether other nodes commit to the same store, and how this one learns of it: not at all, since
 * there is none; by looking; or by hints over a bus.
 */
export type Notify = "none" | "probe" | HintBus;

/** The same, as it is set up. */
export type NotifyConfig = "none" | "probe" | NatsLocation;

/** @throws GraftError `invalid-argument` */
export function parseNotify(text: string): NotifyConfig {
  if (text === "none" || text === "probe") return text;
  if (/^(nats|tls):/.test(text)) return parseNatsLocation(text);
  throw new GraftError(
    "invalid-argument",
    `how a MetaStore learns of other nodes is "${text}": expected none, probe or nats://host:port`,
  );
}

/** Makes the bus; a NATS that cannot be reached is waited for in the background. */
export async function openNotify(
  config: NotifyConfig,
  means: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Promise<Notify> {
  if (config === "none" || config === "probe") return config;
  // Loaded where it is used.
  const { NatsHintBus } = await import("./nats-hint-bus.ts");
  return new NatsHintBus({ ...means, location: config });
}
