/** What a stock gRPC client learns of a server that it knows nothing of. */
import { once } from "node:events";
import {
  create,
  createFileRegistry,
  type DescMethod,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { systemClock } from "@graft/core/node";
import { Health, type HealthCheckResponse } from "@graft/proto-gen/health";
import { MetastoreService } from "@graft/proto-gen/metastore";
import { type ServerReflectionResponse, ServerReflection as V1 } from "@graft/proto-gen/reflection";
import { ServerReflection as V1Alpha } from "@graft/proto-gen/reflection-v1alpha";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { type RunningServer, startServer } from "./server.ts";

let server: RunningServer;
let client: grpc.Client;
beforeAll(async () => {
  const metrics = new MetricsRegistry();
  const means = { metrics, log: silentLog, clock: systemClock };
  server = await startServer({ port: 0, routes: echoRoutes, ...means });
  client = new grpc.Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.close();
});

/** How a stock client writes and reads the messages of a method. */
function callOf(method: DescMethod) {
  return [
    `/${method.parent.typeName}/${method.name}`,
    (init: Record<string, unknown>) =>
      Buffer.from(toBinary(method.input, create(method.input, init))),
    (bytes: Buffer): Message => fromBinary(method.output, bytes),
  ] as const;
}

/** One question on a stream of its own. */
async function ask(method: DescMethod, messageRequest: object): Promise<ServerReflectionResponse> {
  const stream = client.makeBidiStreamRequest(...callOf(method));
  stream.write({ messageRequest });
  const [answer] = (await once(stream, "data")) as [ServerReflectionResponse];
  stream.end();
  await once(stream, "end");
  return answer;
}

describe.each([
  ["v1", V1.method.serverReflectionInfo],
  ["v1alpha", V1Alpha.method.serverReflectionInfo],
])("reflection %s", (_version, method) => {
  async function filesOf(question: object): Promise<FileDescriptorProto[]> {
    const { messageResponse } = await ask(method, question);
    if (messageResponse.case !== "fileDescriptorResponse") {
      throw new Error("expected files", { cause: messageResponse });
    }
    const { fileDescriptorProto } = messageResponse.value;
    return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  test("lists every service, itself included", async () => {
    const { messageResponse } = await ask(method, { case: "listServices", value: "" });
    expect(messageResponse).toMatchObject({
      value: {
        service: [
          { name: "graft.metastore.v1.MetastoreService" },
          { name: "grpc.health.v1.Health" },
          { name: "grpc.reflection.v1.ServerReflection" },
          { name: "grpc.reflection.v1alpha.ServerReflection" },
        ],
      },
    });
  });

  test.each([
    "graft.metastore.v1.MetastoreService",
    "graft.metastore.v1.MetastoreService.Commit",
    "graft.metastore.v1.CommitRequest",
    "graft.metastore.v1.CommitRequest.commit_id",
  ])("a caller can be built from the file of %s", async (value) => {
    const file = await filesOf({ case: "fileContainingSymbol", value });
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: inOrder(file) }));
    const service = registry.getService(MetastoreService.typeName);
    expect(service?.methods.map(({ name }) => name)).toContain("Watch");
  });

  test("a file is found by its name, an enum's value by its own", async () => {
    const name = "graft/common/v1/common.proto";
    const [byName] = await filesOf({ case: "fileByFilename", value: name });
    expect(byName?.name).toBe(name);
    const value = "graft.common.v1.FRAME_CODEC_ZSTD";
    const [bySymbol] = await filesOf({ case: "fileContainingSymbol", value });
    expect(bySymbol?.name).toBe(name);
  });

  test.each([
    ["fileByFilename", "../../etc/passwd"],
    ["fileContainingSymbol", "__proto__"],
    ["allExtensionNumbersOfType", "google.protobuf.FieldOptions"],
  ])("%s %s is not found", async (name, value) => {
    const { messageResponse } = await ask(method, { case: name, value });
    expect(messageResponse).toMatchObject({
      case: "errorResponse",
      value: { errorCode: grpc.status.NOT_FOUND },
    });
  });
});

describe("health, asked by a stock gRPC client", () => {
  test("Check knows the server and its services, and no other", async () => {
    const check = (service: string): Promise<Message> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(...callOf(Health.method.check), { service }, (error, answer) =>
          error === null && answer !== undefined ? resolve(answer) : reject(error),
        );
      });
    expect(await check("")).toMatchObject({ status: 1 });
    expect(await check(MetastoreService.typeName)).toMatchObject({ status: 1 });
    await expect(check("other")).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
  });

  test("Watch tells that a server drains, and then ends", async () => {
    const means = { metrics: new MetricsRegistry(), log: silentLog, clock: systemClock };
    const own = await startServer({ port: 0, routes: echoRoutes, ...means });
    const watcher = new grpc.Client(`127.0.0.1:${own.port}`, grpc.credentials.createInsecure());
    const stream = watcher.makeServerStreamRequest(...callOf(Health.method.watch), { service: "" });
    const statuses: number[] = [];
    stream.on("data", ({ status }: HealthCheckResponse) => {
      statuses.push(status);
      if (statuses.length === 1) void own.close(10_000);
    });
    await once(stream, "end");
    expect(statuses).toEqual([1, 2]);
    watcher.close();
    await own.close();
  });
});

/** A set names what is imported first. */
function inOrder(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const left = new Map(files.map((file) => [file.name, file]));
  const ordered: FileDescriptorProto[] = [];
  const visit = (name: string): void => {
    const file = left.get(name);
    if (file === undefined) return;
    left.delete(name);
    for (const imported of file.dependency) visit(imported);
    ordered.push(file);
  };
  for (const { name } of files) visit(name);
  return ordered;
}
