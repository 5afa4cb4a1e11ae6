import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { systemClock } from "@graft/core/node";
import { ErrorDetailSchema } from "@graft/proto-gen/common";
import { ErrorInfoSchema, RetryInfoSchema } from "@graft/proto-gen/error-details";
import { MetastoreService } from "@graft/proto-gen/metastore";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { type RunningServer, startServer } from "./server.ts";

/** An independent gRPC implementation, with our messages for bytes. */
function definition(
  method: DescMethod,
  responseStream: boolean,
): grpc.MethodDefinition<object, Message> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream,
    requestSerialize: (init) =>
      Buffer.from(toBinary(method.input, create(method.input, init as Record<string, unknown>))),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

const { createVolume, getSnapshot, watch } = MetastoreService.method;
const Stub = grpc.makeGenericClientConstructor(
  {
    createVolume: definition(createVolume, false),
    getSnapshot: definition(getSnapshot, false),
    watch: definition(watch, true),
  },
  "MetastoreService",
);

let server: RunningServer;
let stub: InstanceType<typeof Stub>;
beforeAll(async () => {
  server = await startServer({
    port: 0,
    routes: echoRoutes,
    metrics: new MetricsRegistry(),
    log: silentLog,
    clock: systemClock,
  });
  stub = new Stub(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  stub.close();
  await server.close();
});

type Callback = (error: grpc.ServiceError | null, answer: unknown) => void;

function unary(method: string, request: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = stub[method] as (request: object, callback: Callback) => void;
    call.call(stub, request, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}

test("a stock gRPC client makes a unary call", async () => {
  expect(await unary("createVolume", { pageSize: 1024 })).toMatchObject({ pageSize: 1024 });
});

test("a stock gRPC client gets a large answer within its limit, compressed when it offers gzip", async () => {
  const request = { vid: new Uint8Array(3_000_000), pageSize: 1024 };
  expect(await unary("createVolume", request)).toMatchObject({ pageSize: 1024 });
});

test("a stock gRPC client gets the status, the message and our detail", async () => {
  const error = await unary("getSnapshot", {}).catch((caught: grpc.ServiceError) => caught);
  expect(error).toMatchObject({ code: grpc.status.ABORTED, details: "base 7 is not the head" });
  const status = (error as grpc.ServiceError).metadata.get("grpc-status-details-bin")[0];
  for (const { typeName } of [ErrorDetailSchema, ErrorInfoSchema, RetryInfoSchema]) {
    expect(Buffer.from(status as Uint8Array).includes(typeName)).toBe(true);
  }
});

test("a stock gRPC client reads a stream and may cancel it", async () => {
  const open = stub.watch as (request: object) => grpc.ClientReadableStream<Message>;
  const call = open.call(stub, { volumes: [{ vid: new Uint8Array(16) }] });
  const cases: unknown[] = [];
  const ended = new Promise<grpc.ServiceError>((resolve) => call.on("error", resolve));
  call.on("data", (message: { event: { case: string } }) => {
    cases.push(message.event.case);
    call.cancel();
  });
  expect((await ended).code).toBe(grpc.status.CANCELLED);
  expect(cases).toEqual(["heartbeat"]);
});
