import type { SeededRandom } from "@graft/core/testing";

/** One step of a random history. */
export type SqlStep =
  /** Both sides do it and agree on whether, and how, it fails. */
  | { readonly kind: "exec"; readonly sql: string }
  /** Both sides answer the same rows. */
  | { readonly kind: "query"; readonly sql: string }
  /** Both sides close and open their database; an open transaction is lost. */
  | { readonly kind: "reopen" };

const TABLES = ["t0", "t1", "t2", "t3"] as const;
const COLUMNS = ["a", "b", "c", "d"] as const;
const INDEXES = ["i0", "i1", "i2"] as const;
const SAVEPOINTS = ["s0", "s1"] as const;

type Make = (random: SeededRandom) => SqlStep;

/** How often each kind of step comes, and how it is made. */
const STEPS: readonly (readonly [weight: number, make: Make])[] = [
  [20, createTable],
  [1, exec((r) => `drop table ${r.pick(["", "if exists "])}${table(r)}`)],
  [4, createIndex],
  [2, exec((r) => `drop index if exists ${r.pick(INDEXES)}`)],
  [2, exec((r) => `alter table ${table(r)} add column x${r.integer(0, 9)} default ${literal(r)}`)],
  [1, exec((r) => `alter table ${table(r)} rename column ${column(r)} to y${r.integer(0, 9)}`)],
  [1, exec((r) => `alter table ${table(r)} rename to ${table(r)}`)],
  [1, exec((r) => `alter table ${table(r)} drop column ${column(r)}`)],
  [2, createTrigger],
  [1, exec((r) => `drop trigger if exists g${r.integer(0, 1)}`)],
  [30, insertRow],
  [10, insertMany],
  [14, exec((r) => `update ${table(r)} set ${column(r)} = ${expression(r)} where ${condition(r)}`)],
  [3, exec((r) => `update or replace ${table(r)} set a = ${expression(r)} where ${condition(r)}`)],
  [10, exec((r) => `delete from ${table(r)} where ${condition(r)}`)],
  [1, exec((r) => `delete from ${table(r)}`)],
  [4, exec((r) => r.pick(["begin", "begin immediate", "begin exclusive"]))],
  [6, exec((r) => r.pick(["commit", "end"]))],
  [2, exec(() => "rollback")],
  [4, exec((r) => `savepoint ${r.pick(SAVEPOINTS)}`)],
  [3, exec((r) => `rollback to ${r.pick(SAVEPOINTS)}`)],
  [3, exec((r) => `release ${r.pick(SAVEPOINTS)}`)],
  [1, exec(() => "vacuum")],
  [1, exec((r) => `pragma incremental_vacuum(${r.integer(1, 20)})`)],
  [1, exec((r) => `pragma cache_size = ${r.pick([3, 20, 2000])}`)],
  [1, exec((r) => `pragma user_version = ${r.integer(0, 100)}`)],
  [1, exec((r) => `reindex ${table(r)}`)],
  [1, exec((r) => `create table if not exists ${table(r)} as select a, b from ${table(r)}`)],
  [18, query],
  [2, () => ({ kind: "reopen" })],
];

const WEIGHT_SUM = STEPS.reduce((sum, [weight]) => sum + weight, 0);

/** The next step of a history. The same random gives the same history. */
export function nextSqlStep(random: SeededRandom): SqlStep {
  let at = random.integer(0, WEIGHT_SUM - 1);
  for (const [weight, make] of STEPS) {
    if (at < weight) return make(random);
    at -= weight;
  }
  return { kind: "reopen" };
}

function exec(sql: (random: SeededRandom) => string): Make {
  return (random) => ({ kind: "exec", sql: sql(random) });
}

function createTable(r: SeededRandom): SqlStep {
  const key = r.pick(["id integer primary key, ", "id integer primary key autoincrement, ", ""]);
  const columns = COLUMNS.map((name) => {
    const type = r.pick(["", " int", " text", " real", " blob"]);
    const rule = r.pick(["", "", "", "", " unique", " not null", ` default ${literal(r)}`]);
    return `${name}${type}${rule}`;
  });
  const isWithoutRowid = r.integer(0, 9) === 0;
  const body = isWithoutRowid
    ? `${columns.join(", ")}, primary key (a, b)) without rowid`
    : `${key}${columns.join(", ")})`;
  return { kind: "exec", sql: `create table if not exists ${table(r)}(${body}` };
}

function createIndex(r: SeededRandom): SqlStep {
  const unique = r.pick(["", "", "", "unique "]);
  const where = r.pick(["", "", ` where ${column(r)} is not null`]);
  const keys = r.pick([column(r), `${column(r)}, ${column(r)} desc`, `length(${column(r)})`]);
  const sql = `create ${unique}index if not exists ${r.pick(INDEXES)} on ${table(r)}(${keys})${where}`;
  return { kind: "exec", sql };
}

function createTrigger(r: SeededRandom): SqlStep {
  const event = r.pick(["insert", "update", "delete"]);
  const name = `g${r.integer(0, 1)}`;
  const body = `insert into ${table(r)}(a, b) values ('${name}', ${r.integer(0, 99)});`;
  const when = `after ${event} on ${table(r)}`;
  return { kind: "exec", sql: `create trigger if not exists ${name} ${when} begin ${body} end` };
}

function insertRow(r: SeededRandom): SqlStep {
  const verb = r.pick(["insert", "insert", "insert or ignore", "insert or replace", "replace"]);
  const columns = COLUMNS.slice(0, r.integer(1, COLUMNS.length));
  const rows = Array.from({ length: r.integer(1, 4) }, () => `(${columns.map(() => literal(r))})`);
  return { kind: "exec", sql: `${verb} into ${table(r)}(${columns}) values ${rows.join(", ")}` };
}

function insertMany(r: SeededRandom): SqlStep {
  const count = r.pick([10, 50, 200, 600]);
  const shift = r.integer(0, 1000);
  const length = r.pick([5, 30, 200]);
  const numbers = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`;
  const values = `i + ${shift}, printf('%0${length}d', i * 7919 % 1000), i * 0.5, ${literal(r)}`;
  const target = `${table(r)}(a, b, c, d)`;
  return { kind: "exec", sql: `insert into ${target} ${numbers} select ${values} from n` };
}

function query(r: SeededRandom): SqlStep {
  const [one, other] = [table(r), table(r)];
  const sql = r.pick([
    `select count(*), sum(length(a)), min(b), max(c) from ${one}`,
    `select * from ${one} where ${condition(r)} order by 1, 2, 3, 4`,
    `select typeof(a), count(*) from ${one} group by 1 order by 1`,
    `select x.a, y.b from ${one} x join ${other} y on x.a = y.a order by 1, 2 limit 50`,
    `select a, count(*) over (partition by b) from ${one} order by 1, 2 limit 40`,
    `select a from ${one} union select b from ${other} order by 1 limit 60`,
    `select name, sql from sqlite_schema order by name`,
    `pragma integrity_check`,
    `pragma user_version`,
  ]);
  return { kind: "query", sql };
}

function table(r: SeededRandom): string {
  return r.pick(TABLES);
}

function column(r: SeededRandom): string {
  return r.pick(COLUMNS);
}

function condition(r: SeededRandom): string {
  return r.pick([
    `${column(r)} = ${literal(r)}`,
    `${column(r)} > ${literal(r)}`,
    `${column(r)} is null`,
    `length(${column(r)}) % ${r.integer(2, 5)} = 0`,
    `a between ${r.integer(0, 500)} and ${r.integer(500, 1500)}`,
    `a in (select b from ${table(r)})`,
  ]);
}

function expression(r: SeededRandom): string {
  return r.pick([literal(r), `${column(r)}`, `${column(r)} || 'x'`, `${column(r)} + 1`, "null"]);
}

function literal(r: SeededRandom): string {
  return r.pick([
    String(r.integer(0, 20)),
    String(r.integer(-1000, 1000)),
    `${r.integer(1, 9)}${"0".repeat(r.integer(3, 15))}1`,
    `${r.integer(-50, 50)}.${r.integer(1, 9)}`,
    `'${"text ".repeat(r.integer(0, 4))}${r.integer(0, 9)}'`,
    `printf('%0${r.integer(100, 9000)}d', ${r.integer(0, 9)})`,
    `x'${"0af3".repeat(r.integer(0, 8))}'`,
    `zeroblob(${r.integer(0, 3000)})`,
    "null",
  ]);
}
