import { expect, test } from "vitest";
import { publishedFiles, publishedManifest } from "./published-manifest.ts";

const manifest = {
  name: "@graft/x",
  version: "1.2.3",
  exports: {
    ".": { "@graft/source": "./src/index.ts", types: "./dist/i.d.ts", default: "./dist/i.js" },
  },
  bin: { x: "./src/cli/main.ts" },
  scripts: { generate: "make" },
  dependencies: { "@graft/core": "workspace:*", pino: "catalog:" },
  devDependencies: { vitest: "catalog:" },
};

test("strangers get no source condition, no scripts, built programs and real versions", () => {
  const published = publishedManifest(manifest, (name, range) => `${name}@${range}`);
  expect(published).toEqual({
    name: "@graft/x",
    version: "1.2.3",
    exports: { ".": { types: "./dist/i.d.ts", default: "./dist/i.js" } },
    bin: { x: "./dist/cli/main.js" },
    dependencies: { "@graft/core": "@graft/core@workspace:*", pino: "pino@catalog:" },
  });
  expect(publishedFiles(published)).toEqual(["./dist/i.d.ts", "./dist/i.js", "./dist/cli/main.js"]);
});
