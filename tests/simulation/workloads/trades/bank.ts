/** Money moves between accounts; it never grows nor shrinks. */
import { invariant } from "@graft/core";
import { Refusal, type Trade } from "./trade.ts";

const ACCOUNT_COUNT = 20;
const TOTAL = 20_000;

export const bank: Trade = {
  schema: `
    create table account(id integer primary key, balance integer not null check (balance >= 0),
      note text);
    with recursive id(i) as (select 1 union all select i + 1 from id where i < ${ACCOUNT_COUNT})
      insert into account select i, ${TOTAL / ACCOUNT_COUNT}, hex(zeroblob(60)) from id;`,
  claims: `select sum(balance) = ${TOTAL} from account`,
  content: "select json_group_array(balance) from account",

  draw(random) {
    const [from, to] = [random.integer(1, ACCOUNT_COUNT), random.integer(1, ACCOUNT_COUNT)];
    const amount = random.integer(1, 50);
    return async (tx) => {
      const row = await tx.prepare("select balance from account where id = ?").get(from);
      invariant(row !== undefined, "the account exists");
      if (Number(row.balance) < amount) throw new Refusal("too poor");
      const move = tx.prepare("update account set balance = balance + ? where id = ?");
      await move.run(-amount, from);
      await move.run(amount, to);
      return undefined;
    };
  },
};
