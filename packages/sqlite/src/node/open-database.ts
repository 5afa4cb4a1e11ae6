import { openNodeRemote, shareNewsFeed } from "@graft/client/node";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import type { Database } from "../database.ts";
import { type OpenDatabaseOptions, openDatabaseWith } from "../open-database.ts";

/**
 * Opens SQLite on a volume, with Node's disks, clock and network.
 *
 * ```ts
 * const url = "http://127.0.0.1:3000";
 * await using db = await openDatabase({ url, path: "./data", tag: "forum" });
 * await db.exec("create table if not exists note(id integer primary key, text)");
 * await db.prepare("insert into note(text) values (?)").run("hello"); // pushed by itself
 * ```
 */
export async function openDatabase(options: OpenDatabaseOptions = {}): Promise<Database> {
  return await openDatabaseWith(
    {
      engine: await loadNodeEngine(),
      clock: systemClock,
      random: systemRandom,
      fileSystem: nodeFileSystem,
      openRemote: (url, token, tracer) => openNodeRemote({ url, token, tracer }),
      openNewsFeed: (url, token) => shareNewsFeed({ url, token }),
    },
    options,
  );
}
