/** A replica of Turso Sync. argv: the folder of its packages, the server, a path, options. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { serveReplica } from "../serve-replica.ts";

interface Statement {
  all(...values: readonly unknown[]): Promise<readonly unknown[]>;
  run(...values: readonly unknown[]): Promise<unknown>;
}
interface Library {
  connect(options: object): Promise<{
    prepare(sql: string): Promise<Statement>;
    push(): Promise<unknown>;
    pull(): Promise<unknown>;
  }>;
}

const [folder = "", url = "", path = "", more = "{}"] = process.argv.slice(2);
const entry = join(folder, "node_modules", "@tursodatabase", "sync", "dist", "promise.js");
const { connect } = (await import(pathToFileURL(entry).href)) as Library;

let db: Awaited<ReturnType<Library["connect"]>> | undefined;
const opened = (): NonNullable<typeof db> => {
  if (db === undefined) throw new Error("open it first");
  return db;
};

await serveReplica({
  async open() {
    db = await connect({ path, url, clientName: "bench", ...JSON.parse(more) });
  },
  query: async (sql, values) => await (await opened().prepare(sql)).all(...values),
  async execute(sql, values) {
    await (await opened().prepare(sql)).run(...values);
  },
  async executeAll(sql, rows) {
    const statement = await opened().prepare(sql);
    await (await opened().prepare("BEGIN")).run();
    for (const values of rows) await statement.run(...values);
    await (await opened().prepare("COMMIT")).run();
  },
  async push() {
    await opened().push();
  },
  async pull() {
    await opened().pull();
  },
});
