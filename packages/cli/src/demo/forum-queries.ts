import type { DemoQuery } from "./demo-query.ts";
import type { StockDatabase } from "./stock-database.ts";

/** The questions a forum asks all day. */
export function forumQueries(stock: StockDatabase): readonly DemoQuery[] {
  const userId = stock.value("SELECT id FROM users ORDER BY id LIMIT 1 OFFSET 137") ?? 1n;
  const from = stock.value("SELECT created_at FROM posts ORDER BY id LIMIT 1 OFFSET 1500") ?? 0n;
  const word = rareWord(stock);
  return [
    { name: "point lookup", sql: "SELECT * FROM users WHERE id = ?", parameters: [userId] },
    {
      name: "indexed join",
      sql:
        "SELECT users.name, posts.title, count(likes.user_id) FROM posts " +
        "JOIN users ON users.id = posts.user_id LEFT JOIN likes ON likes.post_id = posts.id " +
        "WHERE posts.user_id = ? GROUP BY posts.id ORDER BY posts.id DESC LIMIT 10",
      parameters: [userId],
    },
    {
      name: "1,000-row range",
      sql:
        "SELECT id, created_at, title FROM posts WHERE created_at >= ? " +
        "ORDER BY created_at LIMIT 1000",
      parameters: [from],
    },
    {
      name: "full-text match",
      sql:
        "SELECT rowid, title FROM posts_text WHERE posts_text MATCH ? " + "ORDER BY rowid LIMIT 20",
      parameters: [word],
    },
  ];
}

/** A word of a title that few posts have. */
function rareWord(stock: StockDatabase): string {
  stock.exec(
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab ('main', 'posts_text', 'row')",
  );
  const word = stock.value("SELECT term FROM temp.words WHERE doc BETWEEN 20 AND 400 LIMIT 1");
  return String(word ?? "");
}
