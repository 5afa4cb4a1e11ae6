/** A replica of ours. argv: server, data directory, volume, options of `openDatabase` as JSON. */
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { serveReplica } from "../serve-replica.ts";

const [url = "", path = "", volume = "", more = "{}"] = process.argv.slice(2);
// The engine is compiled once for a process: so for others the library is loaded before.
await using warmUp = await openDatabase({});
await warmUp.prepare("SELECT 1").get();

let db: Database | undefined;
const opened = (): Database => {
  if (db === undefined) throw new Error("open it first");
  return db;
};

await serveReplica({
  async open() {
    db = await openDatabase({ ...JSON.parse(more), url, path, volume });
  },
  query: (sql, values) =>
    opened()
      .prepare(sql)
      .all(...values),
  async execute(sql, values) {
    await opened()
      .prepare(sql)
      .run(...values);
  },
  executeAll: (sql, rows) =>
    opened().transaction(async (tx) => {
      const statement = tx.prepare(sql);
      for (const values of rows) await statement.run(...values);
    }),
  async push() {
    await opened().push();
  },
  async pull() {
    await opened().pull();
  },
});
