/**
 * `grpc.reflection`, v1 and v1alpha: tools that have no protos ask the server for them. It tells
 * what is in `proto/`, and nothing of what is stored.
 */
import { type DescFile, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflection as V1,
} from "@graft/proto-gen/reflection";
import {
  ServerReflection as V1Alpha,
  type ServerReflectionRequest as V1AlphaRequest,
} from "@graft/proto-gen/reflection-v1alpha";
import { DescribedFiles } from "./described-files.ts";

/** What one caller may ask on one stream; tools ask a dozen. */
const QUESTION_COUNT_MAX = 1000;

/** A request in either version: they differ in their names only. */
type Question = Pick<ServerReflectionRequest | V1AlphaRequest, "messageRequest">;
type Answer = Pick<ServerReflectionResponse, "validHost"> & {
  readonly messageResponse: AnswerCase;
};
/** Messages as plain values: what both versions build theirs from. */
type AnswerCase =
  | { readonly case: "listServicesResponse"; readonly value: { service: { name: string }[] } }
  | {
      readonly case: "fileDescriptorResponse";
      readonly value: { fileDescriptorProto: Uint8Array[] };
    }
  | {
      readonly case: "errorResponse";
      readonly value: { errorCode: number; errorMessage: string };
    };

/** Registers both versions, for every service that is registered on the router by then. */
export function registerReflection(router: ConnectRouter): void {
  const described = router.handlers.map(({ service }) => service);
  const services = [...new Set([...described, V1, V1Alpha])];
  const files = new DescribedFiles(services.map(({ file }) => file));
  const names = services.map(({ typeName }) => typeName).sort();
  const reply = (question: Question): Answer => ({
    validHost: "",
    messageResponse: answerTo(question, names, files),
  });
  router.service(V1, {
    async *serverReflectionInfo(requests) {
      for await (const originalRequest of bounded(requests)) {
        yield { ...reply(originalRequest), originalRequest };
      }
    },
  });
  router.service(V1Alpha, {
    async *serverReflectionInfo(requests) {
      for await (const originalRequest of bounded(requests)) {
        yield { ...reply(originalRequest), originalRequest };
      }
    },
  });
}

async function* bounded<T>(requests: AsyncIterable<T>): AsyncGenerator<T> {
  let count = 0;
  for await (const request of requests) {
    if (++count > QUESTION_COUNT_MAX) {
      const message = `more than ${QUESTION_COUNT_MAX} questions: open another stream`;
      throw new ConnectError(message, Code.ResourceExhausted);
    }
    yield request;
  }
}

function answerTo(
  { messageRequest: asked }: Question,
  names: readonly string[],
  files: DescribedFiles,
): AnswerCase {
  switch (asked.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: names.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return fileAnswer(files.byName(asked.value), `file "${asked.value}"`);
    case "fileContainingSymbol":
      return fileAnswer(files.bySymbol(asked.value), `symbol "${asked.value}"`);
    case "fileContainingExtension":
    case "allExtensionNumbersOfType":
      return failure(Code.NotFound, "there are no extensions here");
    case undefined:
      return failure(Code.InvalidArgument, "nothing is asked");
  }
}

function fileAnswer(found: readonly DescFile[] | undefined, what: string): AnswerCase {
  if (found === undefined) return failure(Code.NotFound, `there is no ${what} here`);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: found.map(bytesOf) } };
}

const BYTES = new WeakMap<DescFile, Uint8Array>();

/** Encoded once: asking costs far less than encoding. */
function bytesOf(file: DescFile): Uint8Array {
  const known = BYTES.get(file);
  if (known !== undefined) return known;
  const bytes = toBinary(FileDescriptorProtoSchema, file.proto);
  BYTES.set(file, bytes);
  return bytes;
}

function failure(errorCode: Code, errorMessage: string): AnswerCase {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
