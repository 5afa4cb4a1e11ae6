/**
 * Adds one to a counter `count` times, each time in a transaction that reads it first; prints what
 * it read. Others on the same data directory do the same.
 */
import { openDatabase } from "@graft/sqlite/node";

const [path = "", count = "0"] = process.argv.slice(2);
await using db = await openDatabase({ path, busyTimeoutMs: 60_000 });
for (let at = 0; at < Number(count); at++) {
  const read = await db.transaction(async (tx) => {
    const n = Number(await tx.prepare("SELECT n FROM counter").pluck().get());
    await tx.prepare("UPDATE counter SET n = ?").run(n + 1);
    return n;
  });
  process.stdout.write(`${read}\n`);
}
