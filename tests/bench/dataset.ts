/**
 * The benches' database: a forum of users, posts and likes, the same rows for the same seed and
 * size. It is made with stock SQLite, so that what is measured against it is measured against the
 * real thing.
 */
import { DatabaseSync } from "node:sqlite";

export interface DatasetOptions {
  readonly posts: number;
  readonly users: number;
  readonly likes: number;
  readonly pageSize: number;
  readonly seed: number;
}

export const DATASET_DEFAULT: DatasetOptions = {
  posts: 200_000,
  users: 20_000,
  likes: 60_000,
  pageSize: 4096,
  seed: 42,
};

/** A query with the parameters it is run with. */
export interface DatasetQuery {
  readonly name: string;
  readonly what: string;
  readonly sql: string;
  readonly parameters: readonly (readonly number[])[];
}

const START_SECONDS = 1_700_000_000;
const SYLLABLES = "ka lo mi ne ru sa ti vo za be du fi go hu ja pe".split(" ");
/** 256 words of 4 to 6 letters. */
const WORDS: readonly string[] = SYLLABLES.flatMap((first, i) =>
  SYLLABLES.map((second, j) => {
    const third = (i + j) % 3 === 0 ? (SYLLABLES[(i * 7 + j * 3) % 16] ?? "") : "";
    return first + second + third;
  }),
);

const SCHEMA = `
  CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL,
    created INTEGER NOT NULL);
  CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, created INTEGER NOT NULL,
    title TEXT NOT NULL, body TEXT NOT NULL);
  CREATE TABLE likes(post_id INTEGER NOT NULL, user_id INTEGER NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY(post_id, user_id)) WITHOUT ROWID;
`;

/** Writes the database file. The path must not exist. */
export function createDataset(path: string, options: DatasetOptions): void {
  const db = new DatabaseSync(path);
  try {
    db.exec(
      `PRAGMA page_size=${options.pageSize}; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF`,
    );
    db.exec(SCHEMA);
    db.exec("BEGIN");
    const random = mulberry32(options.seed);
    insertUsers(db, options, random);
    insertPosts(db, options, random);
    insertLikes(db, options, random);
    db.exec("CREATE INDEX posts_user ON posts(user_id)");
    db.exec("CREATE INDEX posts_created ON posts(created)");
    db.exec("COMMIT");
    db.exec("ANALYZE");
  } finally {
    db.close();
  }
}

/** The five queries, each with `samples` sets of parameters. */
export function datasetQueries(options: DatasetOptions, samples: number): readonly DatasetQuery[] {
  const random = mulberry32(options.seed ^ 0x5eed);
  const below = (bound: number): number => random() % bound;
  const times = (make: () => readonly number[]): readonly (readonly number[])[] =>
    Array.from({ length: samples }, make);
  const [lowUser, highUser] = [
    Math.max(1, Math.floor(options.users / 200)),
    Math.max(2, Math.floor(options.users / 25)),
  ];
  return [
    {
      name: "Q1",
      what: "lookup by key",
      sql: "SELECT id, user_id, created, title, body FROM posts WHERE id = ?",
      parameters: times(() => [below(options.posts) + 1]),
    },
    {
      name: "Q2",
      what: "secondary index and join",
      sql:
        "SELECT p.id, p.title, u.name, u.email FROM posts p JOIN users u ON u.id = p.user_id " +
        "WHERE p.created BETWEEN ? AND ? + 15",
      parameters: times(() => {
        const from = START_SECONDS + (below(options.posts) + 1) * 16;
        return [from, from];
      }),
    },
    {
      name: "Q3",
      what: "newest 20 of a user and join",
      sql:
        "SELECT p.id, p.title, p.created, u.name FROM posts p JOIN users u ON u.id = p.user_id " +
        "WHERE p.user_id = ? ORDER BY p.created DESC LIMIT 20",
      parameters: times(() => [lowUser + below(highUser - lowUser)]),
    },
    {
      name: "Q4",
      what: "range of 1,000 rows",
      sql: "SELECT id, user_id, title, body FROM posts WHERE id >= ? ORDER BY id LIMIT 1000",
      parameters: times(() => [below(Math.max(1, options.posts - 1000)) + 1]),
    },
    {
      name: "Q5",
      what: "full scan",
      sql: "SELECT count(*), sum(length(body)) FROM posts",
      parameters: [[]],
    },
  ];
}

/** Mulberry32: 32-bit numbers from a 32-bit seed. Source: Tommy Ettinger, public domain. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1) >>> 0;
    t = (t ^ (t + Math.imul(t ^ (t >>> 7), t | 61))) >>> 0;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

function insertUsers(db: DatabaseSync, options: DatasetOptions, random: () => number): void {
  const insert = db.prepare("INSERT INTO users VALUES(?,?,?,?)");
  for (let id = 1; id <= options.users; id++) {
    const x = random();
    const name = `${word(x)}_${id}`;
    insert.run(id, name, `${name}@${word(x >>> 8)}.example`, START_SECONDS - (x >>> 12));
  }
}

function insertPosts(db: DatabaseSync, options: DatasetOptions, random: () => number): void {
  const insert = db.prepare("INSERT INTO posts VALUES(?,?,?,?,?)");
  for (let id = 1; id <= options.posts; id++) {
    const [u, x, y, z, w] = [random(), random(), random(), random(), random()];
    const created = START_SECONDS + id * 16 + (x & 15);
    const title = `${word(x >>> 4)} ${word(x >>> 12)} ${word(x >>> 20)}`;
    const words = [y, z, w].flatMap((n) => [
      word(n),
      word(n >>> 8),
      word(n >>> 16),
      word(n >>> 24),
    ]);
    const suffix = (u & 0x10000) === 0 ? "" : ` ${hex8(x)}${hex8(y)}`;
    insert.run(id, skewed(u, options.users), created, title, words.join(" ") + suffix);
  }
}

function insertLikes(db: DatabaseSync, options: DatasetOptions, random: () => number): void {
  const insert = db.prepare("INSERT OR IGNORE INTO likes VALUES(?,?,?)");
  const likes: [number, number, number][] = [];
  for (let at = 0; at < options.likes; at++) {
    const [x, y] = [random(), random()];
    const created = START_SECONDS + options.posts * 16 + at;
    likes.push([(x % options.posts) + 1, skewed(y, options.users), created]);
  }
  likes.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  for (const like of likes) insert.run(...like);
}

/** P(user ≤ k) = (k / users)^(2/3): a few users write much. */
function skewed(value: number, users: number): number {
  return Math.floor(users * (value / 4_294_967_296) ** 1.5) + 1;
}

function word(value: number): string {
  return WORDS[value & 255] ?? "";
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}
