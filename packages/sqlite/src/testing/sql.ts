import type { Parameters, SqlRow, SqlValue } from "@graft/sqlite-engine";
import type { Connection } from "../connection/connection.ts";

/** All rows of a statement on one connection. */
export async function queryAll(
  connection: Connection,
  sql: string,
  ...parameters: Parameters
): Promise<SqlRow[]> {
  const statement = await connection.engine.prepare(sql);
  try {
    return await statement.all(...parameters);
  } finally {
    await statement.finalize();
  }
}

/** The first value of the first row. */
export async function queryValue(
  connection: Connection,
  sql: string,
  ...parameters: Parameters
): Promise<SqlValue | undefined> {
  const [row] = await queryAll(connection, sql, ...parameters);
  return row === undefined ? undefined : Object.values(row)[0];
}
