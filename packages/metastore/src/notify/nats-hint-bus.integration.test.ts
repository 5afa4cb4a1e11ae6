import { createVolumeId, toLsn } from "@graft/core";
import { systemClock as clock, systemRandom as random } from "@graft/core/node";
import { silentLog } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import { NATS_PROGRAM, NatsServer } from "../testing/nats-server.ts";
import type { HintMessage } from "./hint-bus.ts";
import { NatsHintBus } from "./nats-hint-bus.ts";
import { parseNatsLocation } from "./nats-location.ts";

const VOLUME_ID = createVolumeId({ clock, random });

/** A bus and what came over it. */
class Ear implements AsyncDisposable {
  readonly bus: NatsHintBus;
  readonly heard: HintMessage[] = [];
  readonly connections: boolean[] = [];
  readonly #listening: AsyncDisposable;

  constructor(url: string) {
    const location = parseNatsLocation(url);
    this.bus = new NatsHintBus({ location, clock, random, log: silentLog, pingMs: 200 });
    this.#listening = this.bus.listen({
      onMessage: (message) => this.heard.push(message),
      onConnection: (isConnected) => this.connections.push(isConnected),
    });
  }

  say(sequence: number): void {
    const nodeId = "0123456789abcdef";
    const hint = { nodeId, sequence, volumeId: VOLUME_ID, lsn: toLsn(BigInt(sequence)) };
    this.bus.send({ kind: "hint", ...hint });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listening[Symbol.asyncDispose]();
  }
}

async function until(what: string, isSo: () => boolean, timeoutMs = 20_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await clock.sleep(1);
  }
}

const connected = (...ears: readonly Ear[]): Promise<void> =>
  until("connected", () => ears.every(({ bus }) => bus.isConnected));

describe.skipIf(NATS_PROGRAM === "")("hints over NATS", () => {
  test("reach the other nodes in their order, and not oneself", async () => {
    await using server = await NatsServer.start();
    await using one = new Ear(server.url);
    await using two = new Ear(server.url);
    await using elsewhere = new Ear(`${server.url}/staging`);
    await connected(one, two, elsewhere);
    for (let sequence = 1; sequence <= 1000; sequence++) one.say(sequence);
    await until("all are heard", () => two.heard.length === 1000);
    expect(two.heard.map((message) => message.kind === "hint" && message.lsn)).toEqual(
      Array.from({ length: 1000 }, (_, at) => BigInt(at + 1)),
    );
    expect([one.heard, elsewhere.heard]).toEqual([[], []]);
  });

  test("come again after the server was killed and started", async () => {
    await using server = await NatsServer.start();
    await using one = new Ear(server.url);
    await using two = new Ear(server.url);
    await connected(one, two);
    await server.kill();
    await until("the loss is noticed", () => !one.bus.isConnected && !two.bus.isConnected);
    // Lost, not kept: its node says with its next beat that it was there.
    one.say(1);
    await server.start();
    await connected(one, two);
    one.say(2);
    await until("it is heard", () => two.heard.length > 0);
    expect(two.heard).toMatchObject([{ sequence: 2 }]);
    expect(two.connections).toEqual([true, false, true]);
  });

  test("are waited for when the server is not there at the start", async () => {
    await using server = await NatsServer.start();
    await server.kill();
    await using one = new Ear(server.url);
    await using two = new Ear(server.url);
    await clock.sleep(300);
    expect(one.bus.isConnected).toBe(false);
    one.say(1);
    await server.start();
    await connected(one, two);
    one.say(2);
    await until("it is heard", () => two.heard.length > 0);
    expect(two.heard).toMatchObject([{ sequence: 2 }]);
  });

  test("a server that keeps its connections and says nothing is given up", async () => {
    await using server = await NatsServer.start();
    await using one = new Ear(server.url);
    await connected(one);
    server.freeze();
    await until("the loss is noticed", () => !one.bus.isConnected);
    server.thaw();
    await connected(one);
  });

  test("need the token, or the user and password, where the server asks for them", async () => {
    await using guarded = await NatsServer.start("--auth", "a:b c");
    const at = `127.0.0.1:${guarded.port}`;
    await using one = new Ear(`nats://a%3Ab%20c@${at}`);
    await using stranger = new Ear(`nats://wrong@${at}`);
    await using named = await NatsServer.start("--user", "graft", "--pass", "p@ss");
    await using two = new Ear(`nats://graft:p%40ss@127.0.0.1:${named.port}`);
    await connected(one, two);
    expect(stranger.bus.isConnected).toBe(false);
  });

  test("a bus that never connected can be closed", async () => {
    await using server = await NatsServer.start();
    await server.kill();
    const one = new Ear(server.url);
    await one[Symbol.asyncDispose]();
    expect(one.connections).toEqual([]);
  });
});
