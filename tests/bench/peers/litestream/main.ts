/** A replica of the Litestream VFS. argv: the extension. The environment says which replica. */
import { DatabaseSync } from "node:sqlite";
import { serveReplica } from "../serve-replica.ts";

const [extension = ""] = process.argv.slice(2);
// The VFS is of the whole process; this connection only brings it.
const loader = new DatabaseSync(":memory:", { allowExtension: true });
loader.loadExtension(extension, "sqlite3_litestreamvfs_init");
let db = loader;

await serveReplica({
  async open() {
    db = new DatabaseSync("file:forum.db?vfs=litestream");
    db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").all();
  },
  query: async (sql, values) => db.prepare(sql).all(...values),
});
