import { expect, test } from "vitest";
import { CallQueue, QUEUED_CALLS_MAX } from "./call-queue.ts";

/** Lets everything run that can. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

test("one task at a time, in the order of arrival, also after one fails", async () => {
  const queue = new CallQueue();
  const log: string[] = [];
  const task = (name: string) => async (): Promise<string> => {
    log.push(`${name} begins`);
    await Promise.resolve();
    log.push(`${name} ends`);
    if (name === "b") throw new Error("b fails");
    return name;
  };
  const outcomes = await Promise.allSettled(
    ["a", "b", "c"].map((x) => queue.run(undefined, task(x))),
  );
  expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(queue.tryEnter()).toBe(true);
});

test("an aborted task leaves the queue without running; the others keep their order", async () => {
  const queue = new CallQueue();
  const ran: number[] = [];
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const aborts = Array.from({ length: 6 }, () => new AbortController());
  const runs = aborts.map(({ signal }, number) =>
    queue.run(signal, async () => {
      if (number === 0) await gate;
      ran.push(number);
    }),
  );
  aborts[2]?.abort();
  aborts[4]?.abort(new Error("changed my mind"));
  open();
  const outcomes = await Promise.allSettled(runs);
  expect(ran).toEqual([0, 1, 3, 5]);
  expect(outcomes[4]).toMatchObject({ reason: { message: "changed my mind" } });
  expect(queue.tryEnter()).toBe(true);
});

test("a task that is made when the last one ends does not overtake those that wait", async () => {
  const queue = new CallQueue();
  const ran: string[] = [];
  const first = queue.run(undefined, async () => void ran.push("first"));
  const second = queue.run(undefined, async () => void ran.push("second"));
  const late = first.then(() => queue.run(undefined, async () => void ran.push("late")));
  await Promise.all([second, late]);
  expect(ran).toEqual(["first", "second", "late"]);
});

test("a long queue is served in order, and one that is too long is refused", async () => {
  const queue = new CallQueue();
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const blocked = queue.run(undefined, () => gate);
  let next = 0;
  let isInOrder = true;
  const waiting = Array.from({ length: QUEUED_CALLS_MAX }, (_, number) =>
    queue.run(undefined, async () => {
      isInOrder &&= next++ === number;
    }),
  );
  await settle();
  await expect(queue.run(undefined, async () => 1)).rejects.toMatchObject({
    code: "resource-exhausted",
  });
  open();
  await Promise.all([blocked, ...waiting]);
  expect(next).toBe(QUEUED_CALLS_MAX);
  expect(isInOrder).toBe(true);
});

test("a task that does not wait runs only when nobody is there, and lets nobody in meanwhile", async () => {
  const queue = new CallQueue();
  const ran: string[] = [];
  expect(queue.tryEnter()).toBe(true);
  expect(queue.tryEnter()).toBe(false);
  const inner = queue.run(undefined, async () => ran.push("inner"));
  ran.push("outer");
  queue.leave();
  expect(queue.tryEnter()).toBe(false);
  await inner;
  expect(ran).toEqual(["outer", "inner"]);
  expect(queue.tryEnter()).toBe(true);
});
