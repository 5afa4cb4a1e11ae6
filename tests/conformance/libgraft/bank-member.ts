/** One of those who move money: a libgraft, and what it did. */
import { systemClock } from "@graft/core/node";
import type { SeededRandom } from "@graft/core/testing";
import { type LibgraftClient, LibgraftError } from "./libgraft-client.ts";

const ACCOUNT_COUNT = 100;
const BALANCE = 10_000;

export const BANK_SQL: string = `
  begin;
  create table account(id integer primary key, balance integer not null) strict;
  create table transfer(
    member integer not null, sequence integer not null, amount integer not null,
    source integer not null references account, target integer not null references account,
    primary key(member, sequence)) strict, without rowid;
  with recursive i(i) as (select 1 union all select i + 1 from i where i < ${ACCOUNT_COUNT})
    insert into account select i, ${BALANCE} from i;
  commit`;

/** All the money, and how many accounts are not what their transfers made them. */
export const SUM_SQL: string = `
  select (select sum(balance) from account),
    (select count(*) from account where balance != ${BALANCE}
      + (select coalesce(sum(amount), 0) from transfer where target = account.id)
      - (select coalesce(sum(amount), 0) from transfer where source = account.id))`;

const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
/** It pulls when it has been left alone for a second. */
const PAUSE_MIN_MS = 1_100;
const PAUSE_MAX_MS = 2_500;

export class BankMember {
  readonly client: LibgraftClient;
  readonly #number: number;
  readonly #random: SeededRandom;
  #sequence = 0;
  #resetCount = 0;
  /** Transfers it committed, and those that it then saw on the server: "member,sequence". */
  readonly tried: string[] = [];
  readonly pushed: string[] = [];
  #pending: string[] = [];

  constructor(client: LibgraftClient, number: number, random: SeededRandom) {
    this.client = client;
    this.#number = number;
    this.#random = random;
  }

  /** Conflicts that it lost. */
  get resetCount(): number {
    return this.#resetCount;
  }

  async work(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      for (let left = this.#random.integer(1, 3); left > 0; left--) await this.#transfer();
      await systemClock.sleep(this.#random.integer(PAUSE_MIN_MS, PAUSE_MAX_MS));
      await this.#note();
    }
  }

  /** Resolves when nothing waits to be pushed. */
  async settle(): Promise<void> {
    for (;;) {
      await this.#note();
      if (this.#pending.length === 0) return;
      await systemClock.sleep(PAUSE_MIN_MS);
    }
  }

  async #transfer(): Promise<void> {
    const { client } = this;
    const name = `${this.#number},${++this.#sequence}`;
    const [source, target] = [this.#account(), this.#account()];
    const amount = this.#random.integer(1, 100);
    const sql = `
      begin immediate;
      update account set balance = balance - ${amount} where id = ${source};
      update account set balance = balance + ${amount} where id = ${target};
      insert into transfer values (${name}, ${amount}, ${source}, ${target});
      commit`;
    this.tried.push(name);
    try {
      await client.queryAnew(sql);
      this.#pending.push(name);
    } catch (error) {
      // Somebody else's commit came in between, or the server was down: it is not done.
      if (!isPassing(error)) throw error;
    }
  }

  /** What has become of what it committed. */
  async #note(): Promise<void> {
    const status = await this.client.status();
    if (status === "Ok") {
      if ((await this.client.snapshot())?.isPushed !== true) return;
      this.pushed.push(...this.#pending);
      this.#pending = [];
      return;
    }
    if (status !== "RejectedCommit") throw new Error(`its volume is ${status}`);
    // All that was not pushed is lost with the conflict, and somebody else's is there.
    try {
      await this.client.query("pragma graft_reset");
    } catch (error) {
      if (!isPassing(error)) throw error;
      return;
    }
    this.#resetCount++;
    this.#pending = [];
    await this.#check();
  }

  async #check(): Promise<void> {
    try {
      const [row] = await this.client.queryAnew(SUM_SQL);
      if (String(row) !== `${ACCOUNT_COUNT * BALANCE},0`) {
        throw new Error(`member ${this.#number} has lost money: ${row}`);
      }
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }

  #account(): number {
    return this.#random.integer(1, ACCOUNT_COUNT);
  }
}

/** SQLite's low byte: somebody else was first, or a page could not be fetched. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof LibgraftError)) return false;
  return [SQLITE_BUSY, SQLITE_IOERR].includes(error.code & 0xff);
}
