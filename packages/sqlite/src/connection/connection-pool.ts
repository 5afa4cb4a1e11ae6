import { type Clock, GraftError, invariant, orAborted } from "@graft/core";
import type { Connection } from "./connection.ts";
import type { ConnectionSetup } from "./connection-setup.ts";
import { SnapshotKeeping } from "./snapshot-keeping.ts";

/**
 * Connections that read at the same time; each takes ≥ 8 MiB. Further reads wait for one of them.
 */
export const READERS_MAX_DEFAULT = 8;
/** A connection that nobody used for so long is closed. */
export const IDLE_MS_DEFAULT = 10_000;
/** Times a reader is handed on while other databases wait for an instance. */
const HANDED_ON_MAX = 16;

/** What a connection is for. */
export type ConnectionRole = "reader" | "writer";

export interface ConnectionPoolOptions {
  /** Waits for an instance until the signal is aborted. */
  readonly open: (role: ConnectionRole, signal: AbortSignal) => Promise<Connection>;
  readonly setup: ConnectionSetup;
  readonly clock: Clock;
  readonly readersMax?: number;
  readonly idleMs?: number;
}

/**
 * The connections of one database: many that read, each for one user at a time, and one that
 * writes. All are opened when they are needed and closed when nobody needed them for a while, or
 * when their instance is needed elsewhere; one whose SQLite crashed is thrown away with what it had
 * not committed.
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
  readonly #keeping: SnapshotKeeping;
  /** Places taken, of `readersMax`: readers open or being opened, without those lent for long. */
  #readerCount = 0;
  readonly #lent = new Set<Connection>();
  #handedOnCount = 0;
  #writer: Promise<Connection> | undefined;
  #openWriter: Connection | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#readersMax = options.readersMax ?? READERS_MAX_DEFAULT;
    this.#idleMs = options.idleMs ?? IDLE_MS_DEFAULT;
    this.#keeping = new SnapshotKeeping(options.clock, this.#idleReaders, this.#closing.signal);
  }

  /** Connections that are open now, or being opened. */
  get size(): number {
    return this.#readerCount + this.#lent.size + (this.#writer === undefined ? 0 : 1);
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
    if (connection?.releaseSnapshot() !== true) return undefined;
    this.#idleReaders.pop();
    return connection;
  }

  /** An idle reader keeps its snapshot: it is let go when nobody read for a while. */
  noteKeptSnapshot(): void {
    this.#keeping.note();
  }

  /** An idle reader broke. */
  dropReader(connection: Connection): void {
    if (!this.#takeOutIdle(connection)) return;
    this.#discard(connection);
  }

  /** A reader for one user; opened when there is room, else waited for. Give it back. */
  async takeReader(signal?: AbortSignal): Promise<Connection> {
    this.#mustBeOpen();
    signal?.throwIfAborted();
    const connection = this.#idleReaders.pop() ?? (await this.#openOrAwaitReader(signal));
    return await this.#setUp(connection, () => this.giveReader(connection));
  }

  /**
   * The reader that was taken is kept for as long as somebody likes: it makes room for another.
   * Whoever reads in a loop over rows would wait for itself otherwise.
   */
  lendReader(connection: Connection): void {
    this.#lent.add(connection);
    this.#readerCount--;
    this.#waiting.shift()?.(undefined);
  }

  giveReader(connection: Connection): void {
    // Closing has closed it already.
    if (this.#closing.signal.aborted) return;
    if (this.#lent.delete(connection)) this.#readerCount++;
    if (connection.isBroken || this.#readerCount > this.#readersMax) {
      this.#forgetReader(connection);
      this.#discard(connection);
      // The place that became free may be taken by who waits.
      this.#waiting.shift()?.(undefined);
      return;
    }
    const mayHandOn = !connection.slot.isWanted || ++this.#handedOnCount < HANDED_ON_MAX;
    const next = this.#waiting.shift();
    if (next !== undefined && mayHandOn) {
      next(connection);
      return;
    }
    this.#handedOnCount = 0;
    connection.idleSinceMs = this.#options.clock.monotonicMs();
    this.#idleReaders.push(connection);
    connection.slot.noteIdle();
    // Undefined when the instance was needed elsewhere: then there is room for a new one.
    next?.(this.#idleReaders.pop());
    this.#sweepLater();
  }

  /**
   * The writer, opened when there is none. It is not given back: `WriterGate` says who may use it.
   */
  async takeWriter(signal?: AbortSignal): Promise<Connection> {
    this.#mustBeOpen();
    if (this.#openWriter?.isBroken === true) this.#dropWriter();
    const connection = await orAborted(this.#writer ?? this.#createWriter(), signal);
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
    connection.slot.noteIdle();
    this.#sweepLater();
  }

  /**
   * Closes what nobody uses.
   *
   * @param idleForMs only what has been idle for so long
   */
  async closeIdle(idleForMs: number): Promise<void> {
    const limit = this.#options.clock.monotonicMs() - idleForMs;
    const candidates = [...this.#idleReaders, ...(this.#openWriter ? [this.#openWriter] : [])];
    const old = candidates.filter(({ idleSinceMs }) => idleSinceMs <= limit);
    await Promise.all(old.map((connection) => this.#tryClose(connection)));
  }

  /** Set by the database: whether nobody is at the writer and nothing lives in it. */
  mayCloseWriter: () => boolean = () => false;

  /** Closes all connections: calls that are in one end first, all later ones fail. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#closing.abort(closedError());
    for (const wake of this.#waiting.splice(0)) wake(undefined);
    this.#idleReaders.length = 0;
    const connections = [...this.#readers];
    this.#readers.clear();
    this.#lent.clear();
    this.#readerCount = 0;
    const writer = await this.#writer?.catch(() => undefined);
    if (writer !== undefined) connections.push(writer);
    this.#writer = undefined;
    this.#openWriter = undefined;
    await Promise.all(connections.map((connection) => connection.close()));
    await this.#sweeping;
    await this.#keeping.ended();
  }

  async #openOrAwaitReader(signal: AbortSignal | undefined): Promise<Connection> {
    while (this.#readerCount >= this.#readersMax) {
      const given = await this.#awaitReader(signal);
      if (given !== undefined) return given;
      this.#mustBeOpen();
    }
    this.#readerCount++;
    const closing = this.#closing.signal;
    let connection: Connection;
    try {
      const until = signal === undefined ? closing : anyOf(closing, signal);
      connection = await this.#open("reader", until);
    } catch (error) {
      this.#readerCount--;
      this.#waiting.shift()?.(undefined);
      throw error;
    }
    if (closing.aborted) {
      await connection.close();
      throw closedError();
    }
    this.#readers.add(connection);
    return connection;
  }

  async #open(role: ConnectionRole, signal: AbortSignal): Promise<Connection> {
    const connection = await this.#options.open(role, signal);
    connection.slot.holder = {
      tryClose: () => this.#tryClose(connection),
      get isRunning() {
        return connection.engine.isRunning;
      },
      get callCount() {
        return connection.engine.callCount;
      },
    };
    return connection;
  }

  #createWriter(): Promise<Connection> {
    const opening = this.#open("writer", this.#closing.signal);
    this.#writer = opening;
    opening.then(
      (connection) => {
        if (this.#writer === opening) this.#openWriter = connection;
      },
      () => {
        if (this.#writer === opening) this.#writer = undefined;
      },
    );
    return opening;
  }

  /** Closes a connection if nobody uses it; undefined: somebody does. */
  #tryClose(connection: Connection): Promise<void> | undefined {
    if (this.#takeOutIdle(connection)) return connection.close();
    if (connection !== this.#openWriter || !this.mayCloseWriter()) return undefined;
    this.#openWriter = undefined;
    this.#writer = undefined;
    return connection.close();
  }

  #takeOutIdle(connection: Connection): boolean {
    const at = this.#idleReaders.indexOf(connection);
    if (at === -1) return false;
    this.#idleReaders.splice(at, 1);
    this.#forgetReader(connection);
    return true;
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
    if (!connection.isKeepingSnapshot && this.#options.setup.isCurrent(connection)) {
      return connection;
    }
    try {
      await connection.endSnapshot();
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

  /** What it could still say concerns nobody. */
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
      this.#keeping.noteReads();
      await this.closeIdle(this.#idleMs);
    }
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw closedError();
  }
}

function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  return AbortSignal.any([...signals]);
}

function closedError(): GraftError {
  return new GraftError("invalid-argument", "this database is closed: open it again");
}
