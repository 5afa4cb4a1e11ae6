import { join } from "node:path";
import type { Program } from "../program.ts";

const PROTOS = ["common", "metastore", "pagestore"].map((name) => `graft/${name}/v1/${name}.proto`);

export const python: Program = {
  name: "python",
  client: "Python, `grpcio`",
  tools: ["python3"],
  protocols: ["grpc"],
  trustVariable: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
  gaps: [],
  build: async ({ copySource, protos, tool, run }) => {
    const copy = copySource();
    const venv = join(copy, "venv");
    const program = join(venv, "bin/python");
    await run([tool("python3"), "-m", "venv", venv]);
    await run([program, "-m", "pip", "install", "-q", "-r", join(copy, "requirements.txt")]);
    const outputs = [`--python_out=${copy}`, `--grpc_python_out=${copy}`];
    await run([program, "-m", "grpc_tools.protoc", "-I", protos, ...outputs, ...PROTOS]);
    return [program, join(copy, "session.py")];
  },
};
