/**
 * Keys whose values are counted up, each change with its line; and doctors of whom one at least
 * stays on call, though each of them looks at all and changes only his own row.
 */
import { Refusal, type Trade } from "./trade.ts";

const KEY_COUNT = 12;
const DOCTOR_COUNT = 4;

export const kv: Trade = {
  schema: `
    create table kv(k integer primary key, n integer not null, value text);
    create table doctor(id integer primary key, on_call integer not null, note text);
    with recursive id(i) as (select 1 union all select i + 1 from id where i < ${KEY_COUNT})
      insert into kv select i, 0, hex(zeroblob(100)) from id;
    with recursive id(i) as (select 1 union all select i + 1 from id where i < ${DOCTOR_COUNT})
      insert into doctor select i, 1, hex(zeroblob(150)) from id;`,
  claims: `select (select sum(on_call) from doctor) >= 1
    and not exists (select 1 from kv where n <> (select count(*) from line where key = k))`,
  content: `select json_array((select json_group_array(json_array(n, value)) from kv),
    (select json_group_array(on_call) from doctor))`,

  draw(random, { mark }) {
    const key = random.integer(1, KEY_COUNT);
    const value = `${mark}${"v".repeat(random.integer(0, 190))}`;
    const doctor = random.integer(1, DOCTOR_COUNT);
    const kind = random.pick(["put", "put", "put", "leave", "return"] as const);
    return async (tx) => {
      switch (kind) {
        case "put": {
          // Not by what was read: the statements alone may run again, on another base.
          const put = tx.prepare("update kv set n = n + 1, value = ? where k = ?");
          await put.run(value, key);
          return key;
        }
        case "leave": {
          const sql = "update doctor set on_call = 0 where id = ? and on_call = 1";
          const others = "(select sum(on_call) from doctor) > 1";
          const { changes } = await tx.prepare(`${sql} and ${others}`).run(doctor);
          if (changes === 0) throw new Refusal("nobody else is on call");
          return undefined;
        }
        case "return":
          await tx.prepare("update doctor set on_call = 1 where id = ?").run(doctor);
          return undefined;
      }
    };
  },
};
