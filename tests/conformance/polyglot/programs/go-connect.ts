import { buildGo } from "../build-go.ts";
import type { Program } from "../program.ts";

export const goConnect: Program = {
  name: "go-connect",
  client: "Go, `connect-go`",
  tools: ["go"],
  protocols: ["connect", "grpc", "grpc-web"],
  trustVariable: "SSL_CERT_FILE",
  gaps: [],
  build: buildGo,
};
