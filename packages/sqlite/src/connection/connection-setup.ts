import type { Connection } from "./connection.ts";

/**
 * What every connection of a database has to be told once: settings made by pragma, attached
 * volumes. A connection that was opened, or last used, before something was added is told when it
 * is used next.
 */
export class ConnectionSetup {
  readonly #entries: { readonly key: string; readonly sql: string; readonly version: number }[] =
    [];
  readonly #running = new Map<Connection, Promise<void>>();
  #version = 0;

  /** Remembers a statement; one with the same key is superseded. */
  put(key: string, sql: string): void {
    this.remove(key);
    this.#entries.push({ key, sql, version: ++this.#version });
  }

  /** Forgets a statement. Connections that ran it have to be closed. */
  remove(key: string): void {
    const at = this.#entries.findIndex((entry) => entry.key === key);
    if (at !== -1) this.#entries.splice(at, 1);
  }

  isCurrent(connection: Connection): boolean {
    return connection.setupVersion === this.#version;
  }

  /** Tells the connection what it has not been told. Who comes meanwhile waits for the same. */
  apply(connection: Connection): Promise<void> {
    const running = this.#running.get(connection);
    if (running !== undefined) return running;
    const applying = this.#apply(connection).finally(() => this.#running.delete(connection));
    this.#running.set(connection, applying);
    return applying;
  }

  async #apply(connection: Connection): Promise<void> {
    // One at a time, from the entry that is next by then: more may be added while one runs.
    for (;;) {
      const next = this.#entries.find(({ version }) => version > connection.setupVersion);
      if (next === undefined) break;
      // First, so that a cache size that somebody wished for is not superseded later.
      await connection.sizeCache();
      await connection.engine.exec(next.sql);
      connection.setupVersion = next.version;
    }
    connection.setupVersion = this.#version;
  }
}
