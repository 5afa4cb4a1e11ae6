import type { Server as HttpServer } from "node:http";
import type { Server as NetServer } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "@graft/core";
import type { Connections } from "./connections.ts";
import type { DrainableHealth } from "./health.ts";

/** Time for the last answers to leave once handlers were told to stop, ms. */
const LAST_WORDS_MS = 250;

export interface StopOptions {
  readonly listener: NetServer;
  readonly h1: HttpServer;
  readonly connections: Connections;
  readonly health: DrainableHealth;
  /** Ends every handler that still runs when the deadline has passed. */
  readonly stopped: AbortController;
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/**
 * accepting → draining: health says "not serving", idle connections close, running requests end →
 * told: after the deadline handlers are aborted as `unavailable` → cut.
 */
export async function stopServer(options: StopOptions): Promise<void> {
  const { listener, h1, connections, health, stopped, clock, deadlineMs } = options;
  health.drain();
  const listenerClosed = new Promise<void>((resolve) => listener.close(() => resolve()));
  const drained = connections.drain(h1);
  await within(clock, deadlineMs, drained);
  stopped.abort(new ConnectError("the server is shutting down", Code.Unavailable));
  const answered = drained.then(() => connections.whenSessionsClosed());
  await within(clock, LAST_WORDS_MS, answered);
  connections.destroy();
  await listenerClosed;
}

/** Waits for the promise, but no longer than `ms`. */
async function within(clock: Clock, ms: number, promise: Promise<void>): Promise<void> {
  const timer = new AbortController();
  const timeout = clock.sleep(ms, timer.signal).catch(() => undefined);
  await Promise.race([promise, timeout]);
  timer.abort();
}
