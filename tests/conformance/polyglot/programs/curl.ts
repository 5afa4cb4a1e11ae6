import type { Program } from "../program.ts";

export const curl: Program = {
  name: "curl",
  client: "`curl`, JSON",
  tools: ["bash", "curl", "jq"],
  protocols: ["connect"],
  trustVariable: "CURL_CA_BUNDLE",
  gaps: [],
  build: async ({ source, tool }) => [tool("bash"), `${source}/session.sh`],
};
