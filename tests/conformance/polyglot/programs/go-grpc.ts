import { buildGo } from "../build-go.ts";
import type { Program } from "../program.ts";

export const goGrpc: Program = {
  name: "go-grpc",
  client: "Go, `grpc-go`",
  tools: ["go"],
  protocols: ["grpc"],
  trustVariable: "SSL_CERT_FILE",
  gaps: [],
  build: buildGo,
};
