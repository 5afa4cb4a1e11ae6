import type { Connection } from "./connection.ts";

/**
 * What every connection of a database has to be told once: settings made by pragma, attached
 * volumes. A connection that was opened, or last used, before something was added is told when it
 * is used next.
 */
export class ConnectionSetup {
  readonly #entries: { readonly key: string; readonly sql: string; readonly version: number }[] =
    [];
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

  /** The connection has run the newest statement itself. */
  markCurrent(connection: Connection): void {
    connection.setupVersion = this.#version;
  }

  isCurrent(connection: Connection): boolean {
    return connection.setupVersion === this.#version;
  }

  /** Tells the connection what it has not been told. */
  async apply(connection: Connection): Promise<void> {
    for (const { sql, version } of [...this.#entries]) {
      if (version <= connection.setupVersion) continue;
      await connection.engine.exec(sql);
      connection.setupVersion = version;
    }
    this.markCurrent(connection);
  }
}
