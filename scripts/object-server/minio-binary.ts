import { buildProgram, findProgram, type GoProgram } from "../go-program.ts";

const MINIO: GoProgram = {
  name: "minio",
  folder: "graft-minio",
  module: "github.com/minio/minio@latest",
};

/** The path of the tests' MinIO; undefined when there is none and none is to be built. */
export function findMinio(): string | undefined {
  return findProgram(MINIO);
}

/** Builds it. Throws when that fails. */
export function buildMinio(): string {
  return buildProgram(MINIO);
}
