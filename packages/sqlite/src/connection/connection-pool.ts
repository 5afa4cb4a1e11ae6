import { type Clock, GraftError, invariant } from "@graft/core";
import type { Connection } from "./connection.ts";
import type { ConnectionSetup } from "./connection-setup.ts";

/**
 * Connections that read at the same time; each takes ≥ 8 MiB. Further reads wait for one of them.
 */
export const READERS_MAX_DEFAULT = 8;
/** A connection that nobody used for so long is closed. */
export const IDLE_MS_DEFAULT = 10_000;

/** How long an unread snapshot is kept at most twice over: it pins pages that were replaced. */
const KEEP_SNAPSHOT_MS = 50;

export interface ConnectionPoolOptions {
  readonly open: () => Promise<Connection>;
  readonly setup: ConnectionSetup;
  readonly clock: Clock;
  readonly readersMax?: number;
  readonly idleMs?: number;
}

/**
 * The connections of one database: many that read, each for one user at a time, and one that
 * writes. All are opened when they are needed and closed when nobody needed them for a while; one
 * whose SQLite crashed is thrown away with what it had not committed.
 */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #readersMax: number;
  readonly #idleMs: number;
  /** Most recently used last: that one is warmest. */
  readonly #idleReaders: Connection[] = [];
  /** All readers that are open, idle or in use. */
  readonly #readers = new Set<Connection>();
  readonly #waiting: ((connection: Connection | undefined) => void)[] = [];
  readonly #closing = new AbortController();
  #readerCount = 0;
  #writer: Promise<Connection> | undefined;
  #openWriter: Connection | undefined;
  #sweeping: Promise<void> | undefined;
  #releasing: Promise<void> | undefined;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#readersMax = options.readersMax ?? READERS_MAX_DEFAULT;
    this.#idleMs = options.idleMs ?? IDLE_MS_DEFAULT;
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#readerCount + (this.#writer === undefined ? 0 : 1);
  }

  /** A reader that is idle and ready, which stays so: for what does not wait. */
  peekReader(): Connection | undefined {
    const connection = this.#idleReaders.at(-1);
    if (connection === undefined || !this.#options.setup.isCurrent(connection)) return undefined;
    return connection;
  }

  /** A reader that is idle and ready. */
  tryTakeReader(): Connection | undefined {
    const connection = this.peekReader();
    if (connection === undefined) return undefined;
    this.#idleReaders.pop();
    connection.releaseSnapshot();
    return connection;
  }

  /** An idle reader keeps its snapshot: it is let go when nobody read for a while. */
  noteKeptSnapshot(): void {
    this.#releasing ??= this.#releaseUnread().finally(() => {
      this.#releasing = undefined;
    });
  }

  /** An idle reader broke. */
  dropReader(connection: Connection): void {
    const at = this.#idleReaders.indexOf(connection);
    if (at === -1) return;
    this.#idleReaders.splice(at, 1);
    this.#forgetReader(connection);
    this.#discard(connection);
  }

  /** A reader for one user; opened when there is room, else waited for. Give it back. */
  async takeReader(signal?: AbortSignal): Promise<Connection> {
    this.#mustBeOpen();
    signal?.throwIfAborted();
    const connection = this.#idleReaders.pop() ?? (await this.#openOrAwaitReader(signal));
    connection.releaseSnapshot();
    return await this.#setUp(connection, () => this.giveReader(connection));
  }

  giveReader(connection: Connection): void {
    // Closing has closed it already.
    if (this.#closing.signal.aborted) return;
    if (connection.isBroken) {
      this.#forgetReader(connection);
      this.#discard(connection);
      // The place that became free may be taken by who waits.
      this.#waiting.shift()?.(undefined);
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(connection);
      return;
    }
    connection.idleSinceMs = this.#options.clock.monotonicMs();
    this.#idleReaders.push(connection);
    this.#sweepLater();
  }

  /**
   * The writer, opened when there is none. It is not given back: `WriterGate` says who may use it.
   */
  async takeWriter(): Promise<Connection> {
    this.#mustBeOpen();
    if (this.#openWriter?.isBroken === true) this.#dropWriter();
    if (this.#writer === undefined) {
      const opening = this.#options.open();
      this.#writer = opening;
      opening.then(
        (connection) => {
          if (this.#writer === opening) this.#openWriter = connection;
        },
        () => {
          if (this.#writer === opening) this.#writer = undefined;
        },
      );
    }
    const connection = await this.#writer;
    return await this.#setUp(connection, () => undefined);
  }

  /** The writer if it is open. */
  get writer(): Connection | undefined {
    return this.#openWriter;
  }

  /** The writer was used: it is kept for a while, unless it broke. */
  noteWriterUse(connection: Connection): void {
    if (connection.isBroken && connection === this.#openWriter) this.#dropWriter();
    connection.idleSinceMs = this.#options.clock.monotonicMs();
    this.#sweepLater();
  }

  /**
   * Closes what nobody uses.
   *
   * @param idleForMs only what has been idle for so long
   * @param mayCloseWriter whether nobody is at the writer and nothing lives in it
   */
  async closeIdle(idleForMs: number, mayCloseWriter: () => boolean): Promise<void> {
    const limit = this.#options.clock.monotonicMs() - idleForMs;
    const old = this.#idleReaders.filter(({ idleSinceMs }) => idleSinceMs <= limit);
    for (const connection of old) {
      this.#idleReaders.splice(this.#idleReaders.indexOf(connection), 1);
      this.#forgetReader(connection);
    }
    const writer = this.#openWriter;
    if (writer !== undefined && writer.idleSinceMs <= limit && mayCloseWriter()) {
      this.#openWriter = undefined;
      this.#writer = undefined;
      old.push(writer);
    }
    await Promise.all(old.map((connection) => connection.close()));
  }

  /** Set by the database: whether the writer may be closed now. */
  mayCloseWriter: () => boolean = () => false;

  /** Closes all connections: calls that are in one end first, all later ones fail. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#closing.abort(closedError());
    for (const wake of this.#waiting.splice(0)) wake(undefined);
    this.#idleReaders.length = 0;
    const connections = [...this.#readers];
    this.#readers.clear();
    this.#readerCount = 0;
    const writer = await this.#writer?.catch(() => undefined);
    if (writer !== undefined) connections.push(writer);
    this.#writer = undefined;
    this.#openWriter = undefined;
    await Promise.all(connections.map((connection) => connection.close()));
    await this.#sweeping;
    await this.#releasing;
  }

  async #openOrAwaitReader(signal: AbortSignal | undefined): Promise<Connection> {
    while (this.#readerCount >= this.#readersMax) {
      const given = await this.#awaitReader(signal);
      if (given !== undefined) return given;
      this.#mustBeOpen();
    }
    this.#readerCount++;
    let connection: Connection;
    try {
      connection = await this.#options.open();
    } catch (error) {
      this.#readerCount--;
      this.#waiting.shift()?.(undefined);
      throw error;
    }
    if (this.#closing.signal.aborted) {
      await connection.close();
      throw closedError();
    }
    this.#readers.add(connection);
    return connection;
  }

  #forgetReader(connection: Connection): void {
    this.#readers.delete(connection);
    this.#readerCount--;
  }

  /** Undefined: look again, there may be room for a new one. */
  #awaitReader(signal: AbortSignal | undefined): Promise<Connection | undefined> {
    return new Promise((resolve, reject) => {
      const wake = (connection: Connection | undefined): void => {
        signal?.removeEventListener("abort", leave);
        resolve(connection);
      };
      const leave = (): void => {
        const at = this.#waiting.indexOf(wake);
        invariant(at !== -1, "who is aborted is still waiting");
        this.#waiting.splice(at, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(wake);
    });
  }

  async #setUp(connection: Connection, onFailure: () => void): Promise<Connection> {
    if (this.#options.setup.isCurrent(connection)) return connection;
    try {
      await this.#options.setup.apply(connection);
      return connection;
    } catch (error) {
      onFailure();
      throw error;
    }
  }

  #dropWriter(): void {
    const broken = this.#openWriter;
    this.#openWriter = undefined;
    this.#writer = undefined;
    if (broken !== undefined) this.#discard(broken);
  }

  /** Its memory cannot be trusted, so there is nothing it could still say. */
  #discard(connection: Connection): void {
    connection.close().catch(() => undefined);
  }

  #sweepLater(): void {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined;
    });
  }

  async #sweep(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && (this.#idleReaders.length > 0 || this.#openWriter !== undefined)) {
      try {
        await clock.sleep(this.#idleMs, signal);
      } catch {
        return;
      }
      for (const connection of this.#idleReaders) this.#noteReads(connection);
      await this.closeIdle(this.#idleMs, this.mayCloseWriter);
    }
  }

  /** Whether it was read, without being taken, since somebody looked. */
  #noteReads(connection: Connection): boolean {
    const { wasRead } = connection;
    if (wasRead) connection.idleSinceMs = this.#options.clock.monotonicMs();
    connection.wasRead = false;
    return wasRead;
  }

  /** Until no idle reader keeps a snapshot. */
  async #releaseUnread(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    let kept = this.#idleReaders;
    while (!signal.aborted && kept.length > 0) {
      try {
        await clock.sleep(KEEP_SNAPSHOT_MS, signal);
      } catch {
        return;
      }
      for (const connection of this.#idleReaders) {
        if (!this.#noteReads(connection)) connection.releaseSnapshot();
      }
      kept = this.#idleReaders.filter(({ isKeepingSnapshot }) => isKeepingSnapshot);
    }
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw closedError();
  }
}

function closedError(): GraftError {
  return new GraftError("invalid-argument", "this database is closed: open it again");
}
