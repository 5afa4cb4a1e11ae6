// Clients made from the .proto files as the program starts.
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import protobuf from "protobufjs";

// In the repository they lie two folders up; elsewhere say where.
const PROTOS = process.argv[2] ?? join(import.meta.dirname, "../../proto");

const services = grpc.loadPackageDefinition(
  loadSync(
    [
      "graft/metastore/v1/metastore.proto",
      "graft/pagestore/v1/pagestore.proto",
      "grpc/health/v1/health.proto",
    ],
    { includeDirs: [PROTOS], longs: Number, enums: String, defaults: true, oneofs: true },
  ),
);

// connect gives the three clients of a server.
export function connect(url, token) {
  const { host, protocol } = new URL(url);
  const credentials =
    protocol === "https:" ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
  const options = {
    "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip,
    interceptors: [sendToken(token)],
  };
  const { graft, grpc: standard } = services;
  return {
    metastore: new graft.metastore.v1.MetastoreService(host, credentials, options),
    pagestore: new graft.pagestore.v1.PagestoreService(host, credentials, options),
    health: new standard.health.v1.Health(host, credentials, options),
  };
}

// Call credentials would do the same, but only over TLS.
function sendToken(token) {
  return (options, next) =>
    new grpc.InterceptingCall(next(options), {
      start(metadata, listener, proceed) {
        if (token) metadata.set("authorization", `Bearer ${token}`);
        proceed(metadata, listener);
      },
    });
}

// call makes a unary call; its promise fails with the ServiceError.
export function call(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

const messages = new protobuf.Root();
messages.resolvePath = (_, path) => {
  if (path === "status.proto") return join(import.meta.dirname, path);
  return path.startsWith("google/protobuf/") ? path : join(PROTOS, path);
};
messages.loadSync([
  "status.proto",
  "google/rpc/error_details.proto",
  "graft/common/v1/common.proto",
]);

// describe tells an error: its code, and what its details say.
export function describe(error) {
  const code = grpc.status[error.code].toLowerCase();
  const facts = { code: code === "cancelled" ? "canceled" : code };
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (bytes === undefined) return facts;
  for (const { type_url, value } of messages.lookupType("google.rpc.Status").decode(bytes)
    .details) {
    const name = type_url.split("/").at(-1);
    if (name === "graft.common.v1.ErrorDetail") {
      facts.detail = messages.lookupType(name).decode(value).code;
    } else if (name === "google.rpc.ErrorInfo") {
      facts.reason = messages.lookupType(name).decode(value).reason;
    } else if (name === "google.rpc.RetryInfo") {
      const { seconds, nanos } = messages.lookupType(name).decode(value).retryDelay;
      facts.retryAfterMs = Number(seconds) * 1000 + nanos / 1e6;
    }
  }
  return facts;
}
