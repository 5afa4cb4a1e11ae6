import type { SqlValue } from "@graft/sqlite-engine";
import type { DemoQuery, SkippedQuery } from "./demo-query.ts";
import { derivedQueries } from "./derived-queries.ts";
import { forumQueries } from "./forum-queries.ts";
import { quoteName, type StockDatabase } from "./stock-database.ts";
import { listTables } from "./table-list.ts";
import type { BoundStatement } from "./worker-messages.ts";

/** The database the demo carries around: what is asked of it, and what is written to it. */
export interface DemoSubject {
  readonly queries: readonly (DemoQuery | SkippedQuery)[];
  /** Written on the fresh replica and pushed. */
  readonly news: readonly BoundStatement[];
  /** Two transactions on the same base: one wins, the other is refused. */
  readonly winner: readonly BoundStatement[];
  readonly loser: readonly BoundStatement[];
  /** Answers the rows of all three, in order. */
  readonly readWrites: BoundStatement;
  /** Answers one row for each row that the loser wrote. */
  readonly readLost: BoundStatement;
  /** Tables that were made for the demo: not in the original. */
  readonly ownTables: readonly string[];
}

const LOST = "written by the one who was second";

/** The forum that the demo wrote itself: writes go where a forum's writes go. */
export function forumSubject(stock: StockDatabase): DemoSubject {
  const nextPost = Number(stock.value("SELECT max(id) + 1 FROM posts"));
  const nextUser = Number(stock.value("SELECT max(id) + 1 FROM users"));
  const firstAt = 1_800_000_000;
  const post = (offset: number, title: string): BoundStatement =>
    bind("INSERT INTO posts VALUES (?, ?, ?, ?, ?)", [
      nextPost + offset,
      nextUser,
      firstAt + offset,
      title,
      `a post about the graft demo, number ${offset}`,
    ]);
  const like = (offset: number, userId: number): BoundStatement =>
    bind("INSERT INTO likes VALUES (?, ?, ?)", [nextPost + offset, userId, firstAt + offset]);
  return {
    queries: forumQueries(stock),
    news: [
      bind("INSERT INTO users VALUES (?, ?, ?, ?)", [nextUser, "graft-demo", firstAt, null]),
      post(0, "hello from a replica"),
      post(1, "it was empty a moment ago"),
      like(0, 1),
      like(0, 2),
      like(1, 3),
    ],
    winner: [post(2, "written by the one who was first"), like(2, 4)],
    loser: [post(2, LOST), post(3, LOST)],
    readWrites: bind(
      "SELECT posts.*, users.name, (SELECT count(*) FROM likes WHERE post_id = posts.id) FROM posts " +
        "JOIN users ON users.id = user_id WHERE user_id = ? ORDER BY posts.id",
      [nextUser],
    ),
    readLost: bind("SELECT id FROM posts WHERE user_id = ? AND title = ?", [nextUser, LOST]),
    ownTables: [],
  };
}

/** Any database: writes go to a table of the demo's own. */
export function anySubject(stock: StockDatabase): DemoSubject {
  const name = freeName(stock);
  const table = quoteName(name);
  const insert = (id: number, note: string): BoundStatement =>
    bind(`INSERT INTO ${table} VALUES (?, ?)`, [id, note]);
  return {
    queries: derivedQueries(stock),
    news: [
      bind(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, note TEXT NOT NULL)`),
      insert(1, "hello from a replica"),
      insert(2, "it was empty a moment ago"),
    ],
    winner: [insert(3, "written by the one who was first")],
    loser: [insert(3, LOST), insert(4, LOST)],
    readWrites: bind(`SELECT * FROM ${table} ORDER BY id`),
    readLost: bind(`SELECT id FROM ${table} WHERE note = ?`, [LOST]),
    ownTables: [name],
  };
}

function bind(sql: string, parameters: readonly SqlValue[] = []): BoundStatement {
  return { sql, parameters };
}

function freeName(stock: StockDatabase): string {
  const taken = new Set(listTables(stock).map((table) => table.name.toLowerCase()));
  let name = "graft_demo";
  for (let count = 2; taken.has(name); count++) name = `graft_demo_${count}`;
  return name;
}
