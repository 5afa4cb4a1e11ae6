/**
 * Keys whose values are counted up, each change with its line; and doctors, two to a ward, of
 * whom one at least stays on call, though each looks at both rows and changes only his own.
 */
import { Refusal, type Trade } from "./trade.ts";

const KEY_COUNT = 12;
/** Two to a ward: 1 and 2, 3 and 4, … */
const DOCTOR_COUNT = 6;

export const kv: Trade = {
  schema: `
    create table kv(k integer primary key, n integer not null, value text);
    create table doctor(id integer primary key, on_call integer not null, note text);
    with recursive id(i) as (select 1 union all select i + 1 from id where i < ${KEY_COUNT})
      insert into kv select i, 0, hex(zeroblob(100)) from id;
    with recursive id(i) as (select 1 union all select i + 1 from id where i < ${DOCTOR_COUNT})
      insert into doctor select i, 1, hex(zeroblob(150)) from id;`,
  claims: `select not exists (select 1 from doctor group by (id + 1) / 2 having sum(on_call) = 0)
    and not exists (select 1 from kv where n <> (select count(*) from line where key = k))`,
  content: `select json_array((select json_group_array(json_array(n, value)) from kv),
    (select json_group_array(on_call) from doctor))`,

  draw(random, { mark }) {
    const key = random.integer(1, KEY_COUNT);
    const value = `${mark}${"v".repeat(random.integer(0, 190))}`;
    const doctor = random.integer(1, DOCTOR_COUNT);
    const kind = random.pick(["put", "put", "leave", "leave", "return"] as const);
    return async (tx) => {
      switch (kind) {
        case "put": {
          // Not by what was read: the statements alone may run again, on another base.
          const put = tx.prepare("update kv set n = n + 1, value = ? where k = ?");
          await put.run(value, key);
          return key;
        }
        case "leave": {
          const other = doctor % 2 === 0 ? doctor - 1 : doctor + 1;
          const isCovered = "(select on_call from doctor where id = ?) = 1";
          const leave = tx.prepare(`update doctor set on_call = 0 where id = ? and ${isCovered}`);
          const { changes } = await leave.run(doctor, other);
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
