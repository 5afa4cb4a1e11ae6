import { join } from "node:path";
import type { Program } from "../program.ts";

export const grpcJs: Program = {
  name: "grpc-js",
  client: "Node, `@grpc/grpc-js`",
  tools: ["node", "npm"],
  protocols: ["grpc"],
  trustVariable: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
  gaps: [],
  build: async ({ copySource, protos, tool, run }) => {
    const copy = copySource();
    await run([tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: copy });
    return [tool("node"), join(copy, "session.js"), protos];
  },
};
