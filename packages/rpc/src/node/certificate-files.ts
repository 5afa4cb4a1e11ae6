import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { GraftError } from "@graft/core";

/** How soon a file that was replaced is noticed, ms. It is looked at by name: links may change. */
const LOOK_INTERVAL_MS = 5_000;

/** A server's certificate, with those that vouch for it, and its key. Both in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Where a certificate comes from, and when it is to be read again. */
export interface CertificateSource {
  /** @throws GraftError `io`: it cannot be read */
  read(): Certificate;
  /** Tells when it may have changed, until the answer is called. */
  watch(onChange: () => void): () => void;
}

/** A certificate in two files. They are read again when one was replaced, and on SIGHUP. */
export function certificateFiles(paths: {
  readonly cert: string;
  readonly key: string;
}): CertificateSource {
  return {
    read: () => ({ cert: readText(paths.cert), key: readText(paths.key) }),
    watch(onChange) {
      const files = new Set([paths.cert, paths.key]);
      for (const path of files) {
        watchFile(path, { interval: LOOK_INTERVAL_MS, persistent: false }, onChange);
      }
      process.on("SIGHUP", onChange);
      return () => {
        process.off("SIGHUP", onChange);
        for (const path of files) unwatchFile(path, onChange);
      };
    },
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GraftError("io", `cannot read ${path}: ${why}`, { cause });
  }
}
