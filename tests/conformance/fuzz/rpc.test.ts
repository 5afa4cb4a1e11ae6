/**
 * Every method through every framing of the real port: noise, random messages, damaged recorded
 * traffic. Whatever comes, the server answers a code of the table, goes on serving others, and
 * what it has accepted can be read.
 */
import { create, fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import { SeededRandom } from "@graft/core/testing";
import { ReadPagesResponseSchema } from "@graft/proto-gen/pagestore";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FUZZ_SEED, seedOf } from "./fuzz-seed.ts";
import { mutate, noise } from "./mutate.ts";
import { mustBeBytes } from "./oracle.ts";
import { randomMessage } from "./random-message.ts";
import { envelope, type Framing, RpcCaller } from "./rpc-caller.ts";
import { type FuzzedMethod, type RpcSession, recordSession } from "./rpc-session.ts";

const INPUTS_PER_FRAMING = 220;
/** Each costs the time until it is left. */
const STREAM_INPUTS_PER_FRAMING = 60;
const FRAMINGS: readonly Framing[] = ["connect", "connect-json", "grpc", "grpc-web", "raw"];
/** Codes that would be a bug of ours, by name and by number. */
const BUGS = new Set([
  "internal",
  "unknown",
  "data_loss",
  "13",
  "2",
  "15",
  "500",
  "NaN",
  "undefined",
]);
/** What never reaches our code: Connect refuses what is no message with this code. */
const UNPARSABLE =
  /^(parse binary|premature|illegal|invalid|cannot|protocol error|unexpected|message)/i;

let session: RpcSession;
let caller: RpcCaller;
const counts = new Map<string, { inputs: number; accepted: number }>();
const cpuBefore = process.cpuUsage();

beforeAll(async () => {
  session = await recordSession(seedOf("session"));
  caller = new RpcCaller(session.url);
});

afterAll(async () => {
  caller[Symbol.dispose]();
  await session[Symbol.asyncDispose]();
  const inputs = [...counts.values()].reduce((sum, one) => sum + one.inputs, 0);
  const cpu = process.cpuUsage(cpuBefore);
  const seconds = Math.round((cpu.user + cpu.system) / 1_000_000);
  const lines = [...counts].map(
    ([name, { inputs: count, accepted }]) => `  ${name} ${count}, ${accepted} accepted`,
  );
  process.stderr.write(
    `rpc fuzz: seed ${FUZZ_SEED}, ${inputs} inputs, ${seconds} s of processor\n${lines.join("\n")}\n`,
  );
});

/** A message as bytes: recorded, damaged, random, or nothing like one. */
function nextMessage(method: FuzzedMethod, random: SeededRandom): Uint8Array {
  const { recorded, schema } = method;
  const kind = random.integer(0, 9);
  if (kind === 0) return noise(random);
  if (kind === 1) return random.pick(recorded);
  if (kind < 6) return mutate(random.pick(recorded), random, recorded);
  const message = toBinary(schema, create(schema, randomMessage(schema, random, session.known)));
  return kind < 9 ? message : mutate(message, random, recorded);
}

function nextJson(method: FuzzedMethod, random: SeededRandom): Uint8Array {
  const { schema } = method;
  const message = create(schema, randomMessage(schema, random, session.known));
  let json: Uint8Array;
  try {
    json = new TextEncoder().encode(toJsonString(schema, message));
  } catch {
    return noise(random);
  }
  return random.chance(0.5) ? mutate(json, random, [json]) : json;
}

function framed(method: FuzzedMethod, framing: Framing, message: Uint8Array): Uint8Array {
  const isPlain = framing === "raw" || (framing.startsWith("connect") && !method.isStream);
  return isPlain ? message : envelope(message);
}

describe(`whatever message is sent to the port (seed ${FUZZ_SEED})`, () => {
  test.each(FRAMINGS)(
    "%s: every method answers by the table, and the volume stays whole",
    async (framing) => {
      const random = new SeededRandom(seedOf(framing));
      for (const method of session.methods) {
        const path = framing === "raw" ? method.rawPath : method.path;
        if (path === undefined) continue;
        const count = method.isStream ? STREAM_INPUTS_PER_FRAMING : INPUTS_PER_FRAMING;
        let accepted = 0;
        for (let at = 0; at < count; at++) {
          const message =
            framing === "connect-json" ? nextJson(method, random) : nextMessage(method, random);
          const body = framed(method, framing, message);
          const answer = await caller.call(path, framing, body, { isStream: method.isStream });
          if (answer.isAccepted) accepted++;
          else if (BUGS.has(answer.code ?? "") && !UNPARSABLE.test(answer.message)) {
            const shown = Buffer.from(message).toString("base64");
            throw new Error(`${path}, ${framing}: ${answer.code} "${answer.message}" for ${shown}`);
          }
          if (answer.isAccepted && path.endsWith("/read_pages")) mustBePageList(answer.body);
        }
        counts.set(`${framing} ${path}`, { inputs: count, accepted });
      }
      await session.mustBeHealthy();
    },
  );

  test("both refusals and answers were seen of every method", () => {
    const byPath = Map.groupBy(counts, ([name]) => name.slice(name.indexOf(" ") + 1));
    for (const [path, tallies] of byPath) {
      const accepted = tallies.reduce((sum, [, tally]) => sum + tally.accepted, 0);
      const inputs = tallies.reduce((sum, [, tally]) => sum + tally.inputs, 0);
      expect(accepted, path).toBeGreaterThan(0);
      expect(accepted, path).toBeLessThan(inputs);
    }
  });
});

/** What v0.1 is answered is what a general encoder would write. */
function mustBePageList(body: Uint8Array): void {
  const message = fromBinary(ReadPagesResponseSchema, body);
  mustBeBytes(toBinary(ReadPagesResponseSchema, message), body, "a page list is canonical");
}
