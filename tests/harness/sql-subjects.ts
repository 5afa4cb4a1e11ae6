import type { Database } from "@graft/sqlite";
import type { SqlSubject } from "@graft/sqlite/testing";

/**
 * Two replicas of one volume that take turns: statements go to one of them, and after a push there
 * and a pull here to the other. To a history they look like one database.
 */
export class AlternatingReplicas implements SqlSubject {
  readonly name = "two replicas";
  readonly #open: readonly [() => Promise<Database>, () => Promise<Database>];
  #databases: [Database, Database];
  #active: 0 | 1 = 0;

  private constructor(
    open: readonly [() => Promise<Database>, () => Promise<Database>],
    databases: [Database, Database],
  ) {
    this.#open = open;
    this.#databases = databases;
  }

  /** The second replica is opened after the first one's volume exists on the server. */
  static async create(
    first: () => Promise<Database>,
    second: (volumeId: string) => Promise<Database>,
    schema: string,
  ): Promise<AlternatingReplicas> {
    const one = await first();
    await one.exec(schema);
    await one.push();
    const { volumeId } = one.volume;
    const other = await second(volumeId);
    return new AlternatingReplicas([first, () => second(volumeId)], [one, other]);
  }

  get active(): Database {
    return this.#databases[this.#active];
  }

  async exec(sql: string): Promise<void> {
    await this.active.exec(sql);
  }

  async all(sql: string): Promise<readonly (readonly unknown[])[]> {
    const query = this.active.prepare(sql);
    query.setReadBigInts(true);
    return query.raw().all();
  }

  async reopen(): Promise<void> {
    await this.active.close();
    this.#databases[this.#active] = await this.#open[this.#active]();
  }

  /**
   * Pushes what is pending on the active replica, and goes on with the other. Not in a transaction.
   */
  async handOver(): Promise<void> {
    await this.active.push();
    this.#active = this.#active === 0 ? 1 : 0;
    await this.active.pull();
  }

  async close(): Promise<void> {
    for (const database of this.#databases) await database.close();
  }
}
