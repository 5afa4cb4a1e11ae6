import { expect, test } from "vitest";
import { SimulatedClock, settle } from "../testing/simulated-clock.ts";
import { Supervisor, type TaskFailure } from "./supervisor.ts";

test("a failed task is reported by name, and the others go on", async () => {
  const failures: TaskFailure[] = [];
  const supervisor = new Supervisor((failure) => failures.push(failure));
  const gate = Promise.withResolvers<void>();
  supervisor.start("pull", async () => {
    throw new Error("no network");
  });
  supervisor.start("watch", () => gate.promise);
  await settle();
  expect(failures).toMatchObject([{ task: "pull", error: { message: "no network" } }]);
  expect(supervisor.runningTasks).toEqual(["watch"]);
  gate.resolve();
  await supervisor.whenIdle();
  expect(supervisor.runningTasks).toEqual([]);
});

test("a task that throws before its first wait is reported too", async () => {
  const failures: TaskFailure[] = [];
  const supervisor = new Supervisor((failure) => failures.push(failure));
  supervisor.start("broken", () => {
    throw new Error("at once");
  });
  await supervisor.whenIdle();
  expect(failures).toHaveLength(1);
});

test("dispose aborts every task, waits for it, and does not call that a failure", async () => {
  const clock = new SimulatedClock();
  const failures: TaskFailure[] = [];
  const supervisor = new Supervisor((failure) => failures.push(failure));
  let isCleanedUp = false;
  supervisor.start("sleeper", async (signal) => {
    try {
      await clock.sleep(1_000_000, signal);
    } finally {
      await settle();
      isCleanedUp = true;
    }
  });
  await supervisor[Symbol.asyncDispose]();
  expect(isCleanedUp).toBe(true);
  expect(failures).toEqual([]);
});

test("an error that is no cancellation is reported, also while closing", async () => {
  const failures: TaskFailure[] = [];
  const supervisor = new Supervisor((failure) => failures.push(failure));
  supervisor.start("flush", async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw new Error("disk full");
  });
  await supervisor[Symbol.asyncDispose]();
  expect(failures).toMatchObject([{ task: "flush", error: { message: "disk full" } }]);
});

test("nothing starts in a closing supervisor, and the caller is told", async () => {
  const supervisor = new Supervisor(() => undefined);
  await supervisor[Symbol.asyncDispose]();
  let isStarted = false;
  const answer = supervisor.start("late", async () => {
    isStarted = true;
  });
  expect([answer, isStarted]).toEqual([false, false]);
  await supervisor[Symbol.asyncDispose]();
});

test("when even the handler fails, dispose throws both errors", async () => {
  const supervisor = new Supervisor(() => {
    throw new Error("no log");
  });
  supervisor.start("task", async () => {
    throw new Error("lost?");
  });
  const closing = supervisor[Symbol.asyncDispose]();
  const error = await closing.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AggregateError);
  const messages = (error as AggregateError).errors.map((each: Error) => each.message);
  expect(messages).toEqual(["lost?", "no log"]);
});
