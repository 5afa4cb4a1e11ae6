/** The programs of `examples/`, in the order of the table in docs/protocol.md. */
import type { Program } from "./program.ts";
import { browser } from "./programs/browser.ts";
import { curl } from "./programs/curl.ts";
import { goConnect } from "./programs/go-connect.ts";
import { goGrpc } from "./programs/go-grpc.ts";
import { grpcJs } from "./programs/grpc-js.ts";
import { java } from "./programs/java.ts";
import { python } from "./programs/python.ts";

export const PROGRAMS: readonly Program[] = [
  curl,
  grpcJs,
  goConnect,
  goGrpc,
  python,
  java,
  browser,
];
