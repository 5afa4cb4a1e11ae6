/**
 * A replica of ours. argv: the proxy, data directory, volume, options of `openDatabase` as JSON,
 * the server.
 */
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { serveReplica } from "../serve-replica.ts";

const [url = "", path = "", volume = "", more = "{}", server = ""] = process.argv.slice(2);
// Of others the library is loaded before they are asked: code that is compiled on its first use is
// so too. Past the proxy, and nothing of it is kept.
{
  const options = { sync: "manual", url: server, path: `${path}-before`, volume } as const;
  await using before = await openDatabase(options);
  await before.prepare("SELECT count(*) FROM sqlite_schema").get();
}

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
