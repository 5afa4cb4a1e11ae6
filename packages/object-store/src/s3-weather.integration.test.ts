import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isGraftError } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RequestMeter } from "./request-meter.ts";
import { parseS3Location } from "./s3-location.ts";
import { S3ObjectStore } from "./s3-object-store.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** Answers one after the other; the last one for ever. */
let answers: Answer[] = [];
let requests: { readonly line: string; readonly headers: IncomingMessage["headers"] }[] = [];
let meter: RequestMeter;
let store: S3ObjectStore;

const server = createServer(async (request, response) => {
  requests.push({ line: `${request.method} ${request.url}`, headers: request.headers });
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  const body = Buffer.concat(await Array.fromAsync(request));
  answer?.(request, response, body);
});

beforeEach(async () => {
  answers = [];
  requests = [];
  meter = new RequestMeter();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  store = new S3ObjectStore({
    location: parseS3Location(`s3://bucket/pre?endpoint=http://127.0.0.1:${port}`, {
      AWS_ACCESS_KEY_ID: "key",
      AWS_SECRET_ACCESS_KEY: "secret",
    }),
    clock: systemClock,
    random: systemRandom,
    meter,
    idleTimeoutMs: 300,
  });
});

afterEach(async () => {
  await store.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe("an S3 store in bad weather", () => {
  it("creates with If-None-Match: * and answers exists only for 412", async () => {
    answers = [fails(412, "PreconditionFailed")];
    expect(await store.create("a/b", Uint8Array.of(1))).toBe("exists");
    expect(requests).toHaveLength(1);
    expect(requests[0]?.line).toBe("PUT /bucket/pre/a/b");
    expect(requests[0]?.headers["if-none-match"]).toBe("*");
  });

  it("sends the same create again when S3 answers 409, and counts each", async () => {
    const conflict = fails(409, "ConditionalRequestConflict");
    answers = [conflict, conflict, succeeds()];
    expect(await store.create("a", Uint8Array.of(1))).toBe("created");
    answers = [conflict, fails(412, "PreconditionFailed")];
    expect(await store.create("a", Uint8Array.of(1))).toBe("exists");
    expect(meter.snapshot().create).toMatchObject({ requests: 5, failures: 3 });
  });

  it("gives up on 409 with an unknown outcome, never with exists", async () => {
    answers = [fails(409, "ConditionalRequestConflict")];
    await mustFail(store.create("a", Uint8Array.of(1)), "unavailable");
    expect(requests).toHaveLength(10);
  });

  it.each([500, 502, 503, 504, 429, 408])("never repeats a request answered %i", async (status) => {
    answers = [fails(status, "SlowDown")];
    await mustFail(store.create("a", Uint8Array.of(1)), "unavailable");
    await mustFail(store.put("a", Uint8Array.of(1)), "unavailable");
    await mustFail(store.get("a"), "unavailable");
    expect(requests).toHaveLength(3);
  });

  it("says what the server said", async () => {
    answers = [fails(503, "SlowDown", "Please reduce your request rate.")];
    await expect(store.get("a")).rejects.toThrow(
      "s3://bucket/pre: get a was answered 503 (SlowDown: Please reduce your request rate.)",
    );
    answers = [fails(403, "SignatureDoesNotMatch")];
    await expect(store.put("a", Uint8Array.of(1))).rejects.toThrow("check AWS_SECRET_ACCESS_KEY");
    answers = [fails(404, "NoSuchBucket")];
    await mustFail(store.get("a"), "not-found");
    await mustFail(Array.fromAsync(store.list("")), "not-found");
  });

  it("does not take a 404 that does not name the key for a missing object", async () => {
    answers = [(_, response) => response.writeHead(404).end("<html>no such page</html>")];
    await mustFail(store.get("a"), "invalid-argument");
    answers = [fails(404, "NoSuchKey")];
    expect(await store.get("a")).toBeUndefined();
  });

  it("leaves the outcome open when the connection dies", async () => {
    answers = [(request) => request.socket.destroy()];
    await mustFail(store.create("a", Uint8Array.of(1)), "unavailable");
    expect(requests).toHaveLength(1);
  });

  it("notices a body that breaks off, is too long, or is of another range", async () => {
    answers = [
      (request, response) => {
        response.writeHead(200, { "content-length": 10 }).write("12345");
        setTimeout(() => request.socket.destroy(), 20);
      },
    ];
    await mustFail(store.get("a"), "unavailable");
    const other = { "content-length": 2, "content-range": "bytes 4-5/10" };
    answers = [(_, response) => response.writeHead(206, other).end("ab")];
    await mustFail(store.get("a", { range: { offset: 3, size: 2 } }), "corrupt");
    answers = [(_, response) => response.writeHead(200).end("no announced size")];
    await mustFail(store.get("a"), "corrupt");
    answers = [(_, response) => response.writeHead(200, { "content-length": 2 ** 31 }).write("x")];
    await mustFail(store.get("a"), "resource-exhausted");
  });

  it("takes the whole object for an answer to a range", async () => {
    answers = [(_, response) => response.writeHead(200, { "content-length": 5 }).end("abcde")];
    const object = await store.get("a", { range: { offset: 1, size: 2 } });
    expect(new TextDecoder().decode(object?.bytes)).toBe("bc");
    expect(object?.size).toBe(5);
  });

  it("gives up on silence, before and within an answer, not on slowness", async () => {
    answers = [() => undefined];
    await mustFail(store.get("a"), "unavailable");
    await expect(store.get("a")).rejects.toThrow("nothing moved for 300 ms");
    answers = [(_, response) => response.writeHead(200, { "content-length": 10 }).write("12345")];
    await mustFail(store.get("a"), "unavailable");
    answers = [drips(6, 100)];
    expect((await store.get("a"))?.size).toBe(6);
  });

  it("ends a call under way when it is aborted, with the signal's reason", async () => {
    const controller = new AbortController();
    answers = [() => controller.abort(new Error("the caller left"))];
    const { signal } = controller;
    await expect(store.create("a", Uint8Array.of(1), { signal })).rejects.toThrow(
      "the caller left",
    );
    const second = new AbortController();
    answers = [
      (_, response) => {
        response.writeHead(200, { "content-length": 10 }).write("12345");
        setTimeout(() => second.abort(new Error("left within the body")), 20);
      },
    ];
    const got = store.get("a", { signal: second.signal });
    await expect(got).rejects.toThrow("left within the body");
  });

  it("ends calls under way when it is closed", async () => {
    answers = [() => setTimeout(() => store.close(), 20)];
    await mustFail(store.get("a"), "unavailable");
    await mustFail(store.get("a"), "unavailable");
  });

  it("tells the server's time", async () => {
    expect(store.serverTimeMs()).toBeUndefined();
    const date = "Tue, 03 Mar 2026 10:00:00 GMT";
    answers = [(_, response) => response.writeHead(200, { date, "content-length": 0 }).end()];
    await store.put("a", Uint8Array.of(1));
    const ms = store.serverTimeMs() ?? 0;
    expect(ms - Date.parse(date)).toBeGreaterThanOrEqual(0);
    expect(ms - Date.parse(date)).toBeLessThan(5_000);
  });

  it("keeps its connections, also after failures", async () => {
    const sockets = new Set<unknown>();
    answers = [
      (request, response, body) => {
        sockets.add(request.socket);
        fails(503, "SlowDown")(request, response, body);
      },
    ];
    for (let at = 0; at < 5; at++) await mustFail(store.get("a"), "unavailable");
    expect(sockets.size).toBe(1);
  });

  it("takes an upload in parts back when a part fails, and when S3 fails it at the end", async () => {
    const body = new Uint8Array(17 * 1024 * 1024);
    const begun = xml(
      200,
      "<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>",
    );
    answers = [begun, fails(500, "InternalError")];
    await mustFail(store.put("large", body), "unavailable");
    expect(requests.at(-1)?.line).toBe("DELETE /bucket/pre/large?uploadId=up");
    requests = [];
    const completed = xml(200, "<Error><Code>InternalError</Code><Message>m</Message></Error>");
    answers = [begun, part(), part(), part(), completed, succeeds(204)];
    await mustFail(store.put("large", body), "unavailable");
    const lines = requests.map(({ line }) => line);
    expect(lines.filter((line) => line.startsWith("PUT"))).toHaveLength(3);
    expect(lines.at(-1)).toBe("DELETE /bucket/pre/large?uploadId=up");
  });
});

function succeeds(status = 200): Answer {
  return (_, response) => response.writeHead(status, { "content-length": 0 }).end();
}

function part(): Answer {
  return (_, response) => response.writeHead(200, { etag: '"e"', "content-length": 0 }).end();
}

function xml(status: number, text: string): Answer {
  return (_, response) =>
    response.writeHead(status, { "content-type": "application/xml" }).end(text);
}

function fails(status: number, code: string, message = ""): Answer {
  return xml(status, `<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}

/** One byte after the other. */
function drips(count: number, everyMs: number): Answer {
  return async (_, response) => {
    response.writeHead(200, { "content-length": count });
    for (let at = 0; at < count; at++) {
      response.write("x");
      await systemClock.sleep(everyMs);
    }
    response.end();
  };
}

async function mustFail(call: Promise<unknown>, code: string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isGraftError(error) ? error.code : error).toBe(code);
}
