import { backoffDelayMs, type Clock, type Random, Supervisor } from "@graft/core";
import type { Log } from "@graft/rpc";
import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { HintBus, HintListener, HintMessage } from "./hint-bus.ts";
import { decodeHint, encodeHint } from "./hint-text.ts";
import type { NatsLocation } from "./nats-location.ts";

/** How often the server is asked whether it is there unless told otherwise, ms. */
const PING_MS = 5000;
/** Answers that may be missing. */
const PINGS_MISSING_MAX = 2;
/** Between tries to connect again, ms, and as much more by chance. */
const RECONNECT_MS = 250;
const CONNECT_TIMEOUT_MS = 5000;
const RETRY_DELAYS = { firstDelayMs: RECONNECT_MS, delayMaxMs: 5000 };

export interface NatsHintBusOptions {
  readonly location: NatsLocation;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How often the server is asked whether it is there, ms. Default 5 s. */
  readonly pingMs?: number | undefined;
}

/**
 * Hints over NATS. It connects in the background, and again for as long as it takes; one
 * subscription hears all volumes, so that nothing is missed between the first watcher of a volume
 * and a subscription of its own.
 */
export class NatsHintBus implements HintBus {
  readonly name: string;
  readonly #options: NatsHintBusOptions;
  #connection: NatsConnection | undefined;
  #isConnected = false;

  constructor(options: NatsHintBusOptions) {
    this.name = options.location.name;
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  send(message: HintMessage): void {
    // NATS would keep it until the connection is back, for as long as that takes.
    if (!this.#isConnected) return;
    const { subject, payload } = encodeHint(this.#options.location.prefix, message);
    this.#connection?.publish(subject, payload);
  }

  listen(listener: HintListener): AsyncDisposable {
    const supervisor = new Supervisor(({ task, error }) => {
      this.#options.log.error({ task, err: error }, "background task failed");
    });
    supervisor.start(`hints over ${this.name}`, (signal) => this.#run(listener, signal));
    return {
      [Symbol.asyncDispose]: async () => {
        // What was sent last leaves first.
        if (this.#isConnected) await this.#connection?.flush().catch(() => undefined);
        this.#isConnected = false;
        await Promise.all([this.#connection?.close(), supervisor[Symbol.asyncDispose]()]);
      },
    };
  }

  async #run(listener: HintListener, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      let connection: NatsConnection;
      try {
        connection = await connect(connectionOptions(this.#options));
        failures = 0;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        log.warn({ bus: this.name, error: why }, "NATS cannot be reached; trying again");
        await clock.sleep(backoffDelayMs(RETRY_DELAYS, ++failures, random), signal);
        continue;
      }
      this.#connection = connection;
      if (signal.aborted) return await connection.close();
      await this.#serve(connection, listener);
    }
  }

  /** Until the connection is closed for good, by us or by the server. */
  async #serve(connection: NatsConnection, listener: HintListener): Promise<void> {
    const { location, log } = this.#options;
    const set = (isConnected: boolean): void => {
      if (this.#isConnected === isConnected || (isConnected && connection.isClosed())) return;
      this.#isConnected = isConnected;
      listener.onConnection(isConnected);
    };
    connection.subscribe(`${location.prefix}.>`, {
      callback: (error, message) => {
        if (error !== null) return log.warn({ error: error.message }, "NATS refuses to tell hints");
        const hint = decodeHint(location.prefix, {
          subject: message.subject,
          payload: message.string(),
        });
        if (hint !== undefined) listener.onMessage(hint);
      },
    });
    // The server has heard of the subscription once it has answered.
    const settle = (): void => {
      connection.flush().then(
        () => set(true),
        () => set(false),
      );
    };
    settle();
    for await (const status of connection.status()) {
      if (status.type === "disconnect" || status.type === "staleConnection") set(false);
      else if (status.type === "reconnect") settle();
      else if (status.type === "error") log.warn({ error: status.error.message }, "NATS complains");
      else if (status.type === "close") break;
    }
    set(false);
  }
}

function connectionOptions({ location, pingMs }: NatsHintBusOptions): ConnectionOptions {
  const { servers, login, tls } = location;
  return {
    servers: [...servers],
    name: "graft metastore",
    noEcho: true,
    pingInterval: pingMs ?? PING_MS,
    maxPingOut: PINGS_MISSING_MAX,
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    reconnectJitterTLS: RECONNECT_MS,
    ignoreAuthErrorAbort: true,
    ...(login.kind === "token" ? { token: login.token } : {}),
    ...(login.kind === "user" ? { user: login.user, pass: login.password } : {}),
    ...(tls === undefined ? {} : { tls }),
  };
}
