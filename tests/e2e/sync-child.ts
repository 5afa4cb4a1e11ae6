/**
 * One of many processes with a database that syncs by itself: says on stdout what it is and what it
 * is told, and does what stdin says.
 *
 *     node sync-child.ts PATH URL VOLUME
 */
import { createInterface } from "node:readline";
import { openDatabase } from "@graft/sqlite/node";

const [path = "", url = "", volume = ""] = process.argv.slice(2);
const db = await openDatabase({ path, url, volume });
const say = (fact: unknown): boolean => process.stdout.write(`${JSON.stringify(fact)}\n`);

let role: string | undefined;
setInterval(() => {
  const now = db.status().sync?.role;
  if (now !== role) say({ role: now });
  role = now;
}, 10);
db.on("remote", ({ lsn }) => say({ remote: Number(lsn) }));

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, argument = ""] = line.split(" ");
  if (verb === "insert") {
    await db.prepare("INSERT INTO t VALUES (?)").run(argument);
    say({ inserted: argument });
    say({ bookmark: await db.bookmark() });
  } else if (verb === "wait") {
    await db.waitFor(argument);
    say({ rows: await db.prepare("SELECT a FROM t ORDER BY a").pluck().all() });
  }
}
