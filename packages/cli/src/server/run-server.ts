import type { Log } from "@graft/rpc";
import type { EdgeOptions } from "@graft/rpc/node";
import { numberValue } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import type { Surroundings } from "../surroundings.ts";
import { edgeValue } from "./edge-value.ts";
import { createServerLog, type LogLevel, parseLogLevel } from "./server-log.ts";

const PORT_DEFAULT = 3000;
const HOST_DEFAULT = "127.0.0.1";

/** Where a server is to listen, and how much it says. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  readonly edge?: EdgeOptions | undefined;
  readonly logLevel: LogLevel;
}

/** The doors to the world a server needs. */
export interface ServerMeans
  extends Pick<Surroundings, "clock" | "random" | "compute" | "fileSystem" | "tracer"> {
  readonly env: Surroundings["environment"];
  readonly log: Log;
}

/** A server that listens. Disposing it drains it: running requests end first. */
export interface RunningRole extends AsyncDisposable {
  readonly url: string;
}

export interface RunServerOptions {
  /** "server", "metastore" or "pagestore". */
  readonly role: string;
  readonly store: string;
  readonly serve: (listening: Listening, means: ServerMeans) => Promise<RunningRole>;
  /** What a person reads when it listens. */
  readonly describe: (url: string) => string;
}

/**
 * Serves until the signal comes, then drains.
 *
 * @throws GraftError `unavailable`: the port is taken, or the store cannot be reached ·
 *   `invalid-argument`: the store cannot be used
 */
export async function runServer(invocation: Invocation, options: RunServerOptions): Promise<void> {
  const { output, signal, surroundings, values } = invocation;
  const { role, store } = options;
  const port = numberValue(invocation, "port", { fallback: PORT_DEFAULT, min: 0, max: 65_535 });
  const logLevel = parseLogLevel(values.get("log-level") ?? "info");
  const log = createServerLog(surroundings.stderr, logLevel, { role });
  const { clock, random, compute, fileSystem, tracer, environment: env } = surroundings;
  await using server = await options.serve(
    { host: values.get("host") ?? HOST_DEFAULT, port, logLevel, edge: edgeValue(invocation) },
    { clock, random, compute, fileSystem, tracer, env, log },
  );
  output.result({ role, url: server.url, store, pid: process.pid }, options.describe(server.url));
  await untilToldToStop(signal);
}

/** Ctrl-C or SIGTERM; for a server with a process channel also the end of its parent. */
async function untilToldToStop(signal: AbortSignal): Promise<void> {
  const told = Promise.withResolvers<void>();
  const tell = (): void => told.resolve();
  if (signal.aborted) tell();
  signal.addEventListener("abort", tell, { once: true });
  process.once("disconnect", tell);
  await told.promise;
  if (process.connected) process.disconnect?.();
}
