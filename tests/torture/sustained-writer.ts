/**
 * Commits single-row transactions as fast as it can while they are pushed by themselves, each with
 * the time it was made at. stdout, one line each: `ready`, `at <count>` now and then, `done` when
 * all were pushed, with the result of `integrity_check`.
 */
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import { openDatabase } from "@graft/sqlite/node";

const [path = "", url = "", volume = "", countText = "0"] = process.argv.slice(2);
// Without words it only loads what it is made of.
if (path === "") process.exit(0);
const count = Number(countText);
const SAID_EVERY = 500;
/** What an application does besides: its own timers and sockets get a turn. */
const TURN_EVERY = 20;

const db = await openDatabase({ path, url, volume, tag: "t", durability: "relaxed" });
const insert = db.prepare("insert into event(id, at, body) values (?, ?, ?)");
const update = db.prepare("update event set body = body || '!' where id = ?");
say("ready");
for (let at = 1; at <= count; at++) {
  // One in four changes a row that is there.
  if (at % 4 === 0) await update.run(anyBefore(at));
  else await insert.run(at, Date.now(), `event ${at}`);
  if (at % SAID_EVERY === 0) say(`at ${at}`);
  if (at % TURN_EVERY === 0) await turn();
}
say(`at ${count}`);
while (db.status().state !== "synced") await wait(10);
say(`done ${await db.prepare("pragma integrity_check").pluck().get()}`);
setInterval(() => undefined, 1000);

/** One of the rows 1 … at − 1, all over the table; a fourth has none. */
function anyBefore(at: number): number {
  const id = 1 + (((at * 7919) % 100_003) % (at - 1));
  return id % 4 === 0 ? id - 1 : id;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
