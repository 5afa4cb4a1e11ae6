/**
 * What runs in the page: its address says where the server is. Each step is a line of JSON on the
 * console; an empty object is the last line.
 */
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { describe } from "./errors.js";
import { Session } from "./session.js";

const parameters = new URLSearchParams(location.search);
const token = parameters.get("token");
const options = {
  baseUrl: parameters.get("url"),
  useBinaryFormat: true,
  interceptors: [
    (next) => (request) => {
      if (token !== null) request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    },
  ],
};
const isGrpcWeb = parameters.get("protocol") === "grpc-web";
const transport = isGrpcWeb ? createGrpcWebTransport(options) : createConnectTransport(options);

await run(new Session(transport));
report({});

async function run(session) {
  for (const [step, take] of session.steps()) {
    try {
      report({ step, ok: true, ...(await take()) });
    } catch (error) {
      report({ step, ok: false, ...describe(error), message: String(error) });
      return;
    }
  }
}

function report(line) {
  console.log(JSON.stringify(line));
}
