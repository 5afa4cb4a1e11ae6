/**
 * Statements of all kinds on one table with indexes, whose triggers keep a summary: rows come, move
 * and go, many at once; what is undone leaves nothing; the schema changes, and the file shrinks.
 */
import type { SeededRandom } from "@graft/core/testing";
import type { Transaction } from "@graft/sqlite";
import type { Trade } from "./trade.ts";

const ID_MAX = 200;

const DRAWN: readonly ((random: SeededRandom) => string)[] = [
  (random) => insertion(random, random.integer(1, 10)),
  (random) => insertion(random, random.integer(1, 40)),
  (random) => `update item set a = a + 1 where id between ${between(random)}`,
  (random) => `update item set b = 'b${random.u32()}' where a % 7 = ${random.integer(0, 6)}`,
  (random) => `delete from item where id between ${between(random)}`,
  (random) =>
    `delete from item where a in (select a from item order by b limit ${random.integer(1, 9)})`,
  (random) =>
    `update item set id = id + 1000 where id = ${random.integer(1, ID_MAX)} and id + 1000 not in (select id from item)`,
  (random) => `create index if not exists extra_${random.integer(1, 2)} on item(b, a)`,
  (random) => `drop index if exists extra_${random.integer(1, 2)}`,
  (random) =>
    `savepoint s; delete from item where a > ${random.integer(0, 50)}; rollback to s; release s`,
  () => "insert into item(a, b) values (abs(random()) % 100, datetime('now'))",
];

export const sql: Trade = {
  schema: `
    create table item(id integer primary key, a integer, b text);
    create index item_a on item(a);
    create table summary(id integer primary key, count integer, total integer);
    insert into summary values (1, 0, 0);
    create trigger item_in after insert on item begin
      update summary set count = count + 1, total = total + new.a; end;
    create trigger item_out after delete on item begin
      update summary set count = count - 1, total = total - old.a; end;
    create trigger item_change after update of a on item begin
      update summary set total = total + new.a - old.a; end;`,
  claims: `select count = (select count(*) from item not indexed)
    and total = (select coalesce(sum(a), 0) from item not indexed)
    and count = (select count(a) from item indexed by item_a where a > -1) from summary`,
  content: `select json_array((select json_group_array(json_array(id, a, b)) from item not indexed),
    (select json_group_array(json_array(count, total)) from summary))`,

  draw(random) {
    const statements = Array.from({ length: random.integer(1, 3) }, () =>
      random.pick(DRAWN)(random),
    );
    return async (tx: Transaction) => {
      for (const statement of statements) await tx.exec(statement);
      return undefined;
    };
  },
};

function insertion(random: SeededRandom, count: number): string {
  const size = random.pick([5, 50, 400]);
  return `with recursive i(n) as (select 1 union all select n + 1 from i where n < ${count})
    insert or ignore into item select abs(n * ${random.u32()}) % ${ID_MAX}, n,
      substr(hex(zeroblob(${size})), 1, ${size}) from i`;
}

function between(random: SeededRandom): string {
  const from = random.integer(1, ID_MAX);
  return `${from} and ${from + random.integer(0, 20)}`;
}
