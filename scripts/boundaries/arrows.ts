/** The arrows of DESIGN §2: which package may import which. */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  splinter: [],
  core: ["splinter"],
  "proto-gen": [],
  format: ["splinter", "core", "proto-gen"],
  "object-store": ["core"],
  catalog: ["core", "format"],
  rpc: ["core", "proto-gen"],
  auth: ["core", "proto-gen"],
  metastore: ["rpc", "auth", "proto-gen", "format", "catalog", "object-store", "core"],
  pagestore: [
    "rpc",
    "auth",
    "proto-gen",
    "format",
    "catalog",
    "object-store",
    "sqlite-engine",
    "core",
  ],
  "sqlite-engine": ["core"],
  client: ["rpc", "proto-gen", "format", "core"],
  sqlite: ["sqlite-engine", "client", "core"],
  cli: [
    "splinter",
    "core",
    "proto-gen",
    "format",
    "object-store",
    "catalog",
    "rpc",
    "auth",
    "metastore",
    "pagestore",
    "sqlite-engine",
    "client",
    "sqlite",
  ],
};

/** Packages that run in Node, browsers and at the edge: `node:` only under their `src/node`. */
export const NEUTRAL: ReadonlySet<string> = new Set([
  "splinter",
  "core",
  "proto-gen",
  "format",
  "rpc",
  "auth",
  "sqlite-engine",
  "client",
  "sqlite",
]);

/** Packages whose runtime dependencies are all in this repository. */
export const DEPENDENCY_FREE: ReadonlySet<string> = new Set(["splinter", "core"]);

/** Dependencies that need Node as much as `node:` does. */
export const NODE_ONLY: ReadonlySet<string> = new Set([
  "@connectrpc/connect-node",
  "@grpc/grpc-js",
  "minio",
  "pino",
]);

/** What the root's package.json gives every test. */
export const TEST_TOOLS: ReadonlySet<string> = new Set(["vitest", "fast-check"]);
