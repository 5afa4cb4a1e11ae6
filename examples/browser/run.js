/**
 * The session of `page.js` in Chromium: serves the page, opens it, and prints what it reports.
 * `node run.js [CHROMIUM]`. The page has an origin of its own, so every call is cross-origin: the
 * server must allow it. A page of another origin is opened too; it must be refused.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Chromium } from "./chromium.js";

const ORIGIN = new URL("http://app.localhost");
const OTHER_ORIGIN = new URL("http://elsewhere.localhost");
const PAGE = await readFile(new URL("page.html", import.meta.url));
const SCRIPT = await readFile(new URL("dist/page.js", import.meta.url));

const protocol = process.env.GRAFT_PROTOCOL ?? "connect";
if (protocol !== "connect" && protocol !== "grpc-web") {
  console.error(`connect-web does not speak ${protocol}, expected connect or grpc-web`);
  process.exit(2);
}
const [program = "chromium"] = process.argv.slice(2);
const server = await servePage();
const { port } = server.address();
const hosts = { [ORIGIN.hostname]: port, [OTHER_ORIGIN.hostname]: port };
const chromium = new Chromium(program, { hosts, trusted: process.env.SSL_CERT_FILE });
try {
  const other = await visit(OTHER_ORIGIN, () => {});
  const otherOrigin = other.corsError ?? "allowed";
  await visit(ORIGIN, (line, { preflight }) => {
    if (!line.ok) process.exitCode = 1;
    const cors = line.step === "health" ? { preflight, otherOrigin } : {};
    console.log(JSON.stringify({ ...line, ...cors }));
  });
} finally {
  await chromium.close();
  server.close();
}

/** Opens the page of an origin. @returns what the browser asked before the page's first call */
async function visit(origin, onReport) {
  const seen = { preflight: undefined, corsError: undefined };
  const page = await chromium.openPage();
  const ended = new Promise((resolve, reject) => {
    page.on("Runtime.consoleAPICalled", ({ args }) => {
      const line = JSON.parse(args[0].value);
      if (line.step === undefined) resolve();
      else onReport(line, seen);
    });
    page.on("Runtime.exceptionThrown", ({ exceptionDetails: { text, exception } }) =>
      reject(new Error(`the page failed: ${exception?.description ?? text}`)),
    );
    chromium.ended.then((code) => reject(new Error(`chromium ended with ${code}`)), reject);
  });
  page.on("Network.responseReceived", ({ type, response }) => {
    if (type !== "Preflight") return;
    seen.preflight = response.status;
    // The bodies of all requests would follow.
    if (origin === ORIGIN) page.call("Network.disable").catch(() => {});
  });
  page.on("Network.loadingFailed", ({ corsErrorStatus }) => {
    seen.corsError ??= corsErrorStatus?.corsError;
  });
  await page.call("Runtime.enable");
  await page.call("Network.enable");
  await page.call("Page.navigate", { url: addressOf(origin) });
  await ended;
  return seen;
}

function addressOf(origin) {
  const address = new URL(origin);
  address.searchParams.set("url", process.env.GRAFT_URL ?? "http://127.0.0.1:3000");
  address.searchParams.set("protocol", protocol);
  const token = process.env.GRAFT_TOKEN ?? "";
  if (token !== "") address.searchParams.set("token", token);
  return address.href;
}

async function servePage() {
  const server = createServer(({ url }, response) => {
    const isScript = url === "/page.js";
    const type = isScript ? "text/javascript" : "text/html";
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` });
    response.end(isScript ? SCRIPT : PAGE);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
