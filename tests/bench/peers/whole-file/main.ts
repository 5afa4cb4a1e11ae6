/** Downloads a database and opens it. argv: its address, a folder. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Writable } from "node:stream";
import { serveReplica } from "../serve-replica.ts";

const [url = "", directory = ""] = process.argv.slice(2);
const path = join(directory, "forum.db");
let db = new DatabaseSync(":memory:");

await serveReplica({
  async open() {
    const { body, ok, status } = await fetch(url);
    if (body === null || !ok) throw new Error(`the download ended with ${status}`);
    await body.pipeTo(Writable.toWeb(createWriteStream(path)));
    db = new DatabaseSync(path);
  },
  query: async (sql, values) => db.prepare(sql).all(...values),
});
