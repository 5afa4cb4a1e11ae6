import { join } from "node:path";
import type { Program } from "../program.ts";

/** Whose calls a server must allow: run.js gives its page this origin. */
export const PAGE_ORIGIN = "http://app.localhost";

export const browser: Program = {
  name: "browser",
  client: "Browser, `connect-web`",
  tools: ["node", "npm", ["chromium", "chromium-browser", "google-chrome"]],
  protocols: ["connect", "grpc-web"],
  trustVariable: "SSL_CERT_FILE",
  gaps: [
    { what: "compressed requests", reason: "`fetch` sends what it is given" },
    {
      what: "compressed answers",
      protocol: "connect",
      reason: "of streams: `fetch` decompresses, and knows no messages",
    },
    {
      what: "compressed answers",
      protocol: "grpc-web",
      reason: "`fetch` decompresses, and knows no messages",
    },
  ],
  reports: { health: { preflight: 204, otherOrigin: "PreflightMissingAllowOriginHeader" } },
  build: async ({ copySource, protos, tool, run }) => {
    const cwd = copySource();
    const npm = tool("npm");
    await run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd });
    await run([npm, "run", "build"], { cwd, env: { PROTOS: protos } });
    return [tool("node"), join(cwd, "run.js"), tool("chromium")];
  },
};
