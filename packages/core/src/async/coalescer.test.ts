import { expect, test } from "vitest";
import { settle } from "../testing/simulated-clock.ts";
import { Coalescer } from "./coalescer.ts";

/** A flight that the test lands. */
function createFlight(): {
  start: (signal: AbortSignal) => Promise<string>;
  land: (value: string) => void;
  crash: (error: Error) => void;
  startCount: () => number;
  wasAborted: () => boolean;
} {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let count = 0;
  let isAborted = false;
  const start = (signal: AbortSignal): Promise<string> => {
    count++;
    signal.addEventListener("abort", () => {
      isAborted = true;
      reject(signal.reason);
    });
    return promise;
  };
  return {
    start,
    land: resolve,
    crash: reject,
    startCount: () => count,
    wasAborted: () => isAborted,
  };
}

test("callers of one key share one flight; another key has its own", async () => {
  const coalescer = new Coalescer<string, string>();
  const [one, two] = [createFlight(), createFlight()];
  const callers = [coalescer.run("a", one.start), coalescer.run("a", one.start)];
  callers.push(coalescer.run("b", two.start));
  one.land("first");
  two.land("second");
  expect(await Promise.all(callers)).toEqual(["first", "first", "second"]);
  expect([one.startCount(), two.startCount()]).toEqual([1, 1]);
  expect(coalescer.flightCount).toBe(0);
});

test("nothing is remembered: after landing, or failing, the next caller starts anew", async () => {
  const coalescer = new Coalescer<string, string>();
  const [one, two, three] = [createFlight(), createFlight(), createFlight()];
  const failed = coalescer.run("a", one.start);
  one.crash(new Error("engine"));
  await expect(failed).rejects.toThrow("engine");
  const landed = coalescer.run("a", two.start);
  two.land("two");
  expect(await landed).toBe("two");
  const again = coalescer.run("a", three.start);
  three.land("three");
  expect(await again).toBe("three");
});

test("a start that throws fails its callers and nobody else", async () => {
  const coalescer = new Coalescer<string, string>();
  const failing = coalescer.run("a", () => {
    throw new Error("no runway");
  });
  await expect(failing).rejects.toThrow("no runway");
  expect(await coalescer.run("a", async () => "ok")).toBe("ok");
});

test("a caller that leaves does not disturb the others", async () => {
  const coalescer = new Coalescer<string, string>();
  const flight = createFlight();
  const controller = new AbortController();
  const leaving = coalescer.run("a", flight.start, controller.signal);
  const staying = coalescer.run("a", flight.start);
  controller.abort(new Error("bye"));
  await expect(leaving).rejects.toThrow("bye");
  expect(flight.wasAborted()).toBe(false);
  flight.land("there");
  expect(await staying).toBe("there");
});

test("the flight is aborted when the last caller has left, and a new caller does not join it", async () => {
  const coalescer = new Coalescer<string, string>();
  const [dying, fresh] = [createFlight(), createFlight()];
  const controllers = [new AbortController(), new AbortController()];
  const leaving = controllers.map(({ signal }) => coalescer.run("a", dying.start, signal));
  const outcomes = Promise.allSettled(leaving);
  controllers[0]?.abort();
  await settle();
  expect(dying.wasAborted()).toBe(false);
  controllers[1]?.abort();
  await settle();
  expect(dying.wasAborted()).toBe(true);
  const joined = coalescer.run("a", fresh.start);
  fresh.land("fresh");
  expect(await joined).toBe("fresh");
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});

test("a caller whose signal is aborted already starts nothing", async () => {
  const coalescer = new Coalescer<string, string>();
  const flight = createFlight();
  const signal = AbortSignal.abort(new Error("too late"));
  await expect(coalescer.run("a", flight.start, signal)).rejects.toThrow("too late");
  expect(flight.startCount()).toBe(0);
});
