/**
 * A client that writes until it is killed: each transaction inserts rows in two tables, and the
 * number of the transaction is printed when, and only when, its COMMIT has returned.
 */
import { openDatabase } from "@graft/sqlite/node";

const [path = "", url = "", firstText = "1"] = process.argv.slice(2);
const db = await openDatabase({ sync: "manual", path, url, tag: "t" });
await db.exec(
  "CREATE TABLE IF NOT EXISTS a(id INTEGER PRIMARY KEY, body TEXT);" +
    "CREATE TABLE IF NOT EXISTS b(id INTEGER PRIMARY KEY, body BLOB);" +
    "CREATE INDEX IF NOT EXISTS a_body ON a(body)",
);
process.stdout.write("ready\n");
for (let id = Number(firstText); ; id++) {
  await db.transaction(async (tx) => {
    await tx.prepare("INSERT INTO a VALUES(?, ?)").run(id, `row ${id}`);
    await tx.prepare("INSERT INTO b VALUES(?, zeroblob(?))").run(id, (id * 997) % 9_000);
    if (id % 7 === 0) await tx.prepare("DELETE FROM b WHERE id = ?").run(id - 3);
  });
  process.stdout.write(`${id}\n`);
}
