import { systemClock, systemRandom } from "@graft/core/node";
import { type MissStrategyKind, SqliteError } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { expect } from "vitest";
import type { Connection } from "../connection/connection.ts";
import { readUint32 } from "../page-one.ts";
import { FakeVolume } from "./fake-volume.ts";
import { openConnection } from "./open-connection.ts";
import { queryValue } from "./sql.ts";

const engine = await loadNodeEngine();

/** Adds 3000 rows to `t`: more than the smallest cache holds. No transaction of its own. */
export const FILL = `insert into t(a, b) with recursive n(i) as (select 1 union all select i + 1 from n
  where i < 3000) select i, hex(randomblob(100)) from n`;

/** Connections to fake volumes, for tests of one way of waiting. */
export class VolumeFileFixture {
  readonly #missStrategy: MissStrategyKind;

  constructor(missStrategy: MissStrategyKind) {
    this.#missStrategy = missStrategy;
  }

  open(volume: FakeVolume): Promise<Connection> {
    const means = { engine, clock: systemClock, random: systemRandom };
    return openConnection({ ...means, volume, missStrategy: this.#missStrategy });
  }

  /** A volume whose table `t` has 3000 rows, and the connection that made it. */
  async openFilled(): Promise<{ volume: FakeVolume; connection: Connection }> {
    const volume = new FakeVolume();
    const connection = await this.open(volume);
    await connection.engine.exec(`create table t(id integer primary key, a, b); ${FILL}`);
    return { volume, connection };
  }

  /** No lock stays behind, and what is stored is a sound database. */
  async expectSound(volume: FakeVolume, connection: Connection): Promise<void> {
    expect(volume.hasOpenWriter).toBe(false);
    expect(connection.inTransaction).toBe(false);
    const fresh = await this.open(volume);
    expect(await queryValue(fresh, "pragma integrity_check")).toBe("ok");
    await fresh.close();
    const page = volume.pageBytes(1) ?? new Uint8Array(0);
    expect(readUint32(page, 28)).toBe(volume.pageCount);
  }
}

/** The name of the result code that a promise rejects with; "undefined" when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof SqliteError ? error.codeName : String(error);
}
