/**
 * The demo's database: a forum in an ordinary SQLite file, as an application leaves it behind. WAL
 * mode is on, and the newest posts are still in the `-wal` file beside it.
 */
import { copyFileSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { createVocabulary, writeText } from "./forum-text.ts";
import { SeededNumbers } from "./seeded-numbers.ts";

export interface ForumSize {
  readonly users: number;
  readonly posts: number;
  readonly likesPerPost: number;
}

/** 60 MB and more. */
export const FORUM_SIZE: ForumSize = { users: 4_000, posts: 48_000, likesPerPost: 14 };
/** A few MB, for tests of the demo itself. */
export const FORUM_SIZE_SMALL: ForumSize = { users: 200, posts: 3_000, likesPerPost: 4 };

/** Posts that are in the `-wal` file alone. */
const LATE_POST_COUNT = 100;
const WORDS_PER_POST = 70;
/** 2024-01-01T00:00:00Z, s. A post follows every few minutes. */
const FIRST_POST_S = 1_704_067_200;
const SECONDS_BETWEEN_POSTS = 600;

const SCHEMA = `
  CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, joined_at INTEGER NOT NULL, about TEXT
  );
  CREATE TABLE posts (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL
  );
  CREATE TABLE likes (
    post_id INTEGER NOT NULL REFERENCES posts (id), user_id INTEGER NOT NULL REFERENCES users (id),
    liked_at INTEGER NOT NULL, PRIMARY KEY (post_id, user_id)
  ) WITHOUT ROWID;
  CREATE VIRTUAL TABLE posts_text USING fts5 (title, body, content = 'posts', content_rowid = 'id');
`;

const INDEXES_AND_TRIGGERS = `
  CREATE INDEX posts_by_user ON posts (user_id);
  CREATE INDEX posts_by_time ON posts (created_at);
  CREATE INDEX likes_by_user ON likes (user_id);
  INSERT INTO posts_text (posts_text) VALUES ('rebuild');
  CREATE TRIGGER posts_inserted AFTER INSERT ON posts BEGIN
    INSERT INTO posts_text (rowid, title, body) VALUES (new.id, new.title, new.body);
  END;
  CREATE TRIGGER posts_deleted AFTER DELETE ON posts BEGIN
    INSERT INTO posts_text (posts_text, rowid, title, body)
    VALUES ('delete', old.id, old.title, old.body);
  END;
`;

/** Writes the database to `path`, and what its last transaction left to `path` + "-wal". */
export function writeForum(path: string, size: ForumSize, seed: number): void {
  const draft = `${path}.draft`;
  const database = new DatabaseSync(draft);
  try {
    database.exec("PRAGMA journal_mode = wal; PRAGMA synchronous = off");
    database.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536");
    const numbers = new SeededNumbers(seed);
    const writer = new ForumWriter(database, size, numbers);
    database.exec("BEGIN");
    database.exec(SCHEMA);
    writer.writeUsers();
    writer.writePosts(1, size.posts - LATE_POST_COUNT);
    database.exec(INDEXES_AND_TRIGGERS);
    database.exec("COMMIT; PRAGMA wal_checkpoint(truncate)");
    database.exec("BEGIN");
    writer.writePosts(size.posts - LATE_POST_COUNT + 1, size.posts);
    database.exec("COMMIT");
    // Closing would move the -wal file into the database: both are copied while it is open.
    copyFileSync(draft, path);
    copyFileSync(`${draft}-wal`, `${path}-wal`);
  } finally {
    database.close();
    rmSync(draft, { force: true });
  }
}

class ForumWriter {
  readonly #database: DatabaseSync;
  readonly #size: ForumSize;
  readonly #numbers: SeededNumbers;
  readonly #vocabulary: readonly string[];

  constructor(database: DatabaseSync, size: ForumSize, numbers: SeededNumbers) {
    this.#database = database;
    this.#size = size;
    this.#numbers = numbers;
    this.#vocabulary = createVocabulary(numbers);
  }

  writeUsers(): void {
    const insert = this.#database.prepare("INSERT INTO users VALUES (?, ?, ?, ?)");
    for (let id = 1; id <= this.#size.users; id++) {
      const name = `${this.#vocabulary[this.#numbers.below(this.#vocabulary.length)]}${id}`;
      insert.run(id, name, FIRST_POST_S - id * 3_600, this.#text(12));
    }
  }

  /** Posts `first` … `last` with their likes. */
  writePosts(first: number, last: number): void {
    const post = this.#database.prepare("INSERT INTO posts VALUES (?, ?, ?, ?, ?)");
    const like = this.#database.prepare("INSERT OR IGNORE INTO likes VALUES (?, ?, ?)");
    const { users, likesPerPost } = this.#size;
    for (let id = first; id <= last; id++) {
      const atS = FIRST_POST_S + id * SECONDS_BETWEEN_POSTS;
      const author = 1 + this.#numbers.skewed(users);
      post.run(id, author, atS, this.#text(5), this.#text(WORDS_PER_POST));
      const likeCount = this.#numbers.below(2 * likesPerPost);
      for (let count = 0; count < likeCount; count++) {
        like.run(id, 1 + this.#numbers.below(users), atS + count * 60);
      }
    }
  }

  #text(wordCount: number): string {
    return writeText(this.#numbers, this.#vocabulary, wordCount);
  }
}
