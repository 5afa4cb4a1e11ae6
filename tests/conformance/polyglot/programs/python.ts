import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { Program } from "../program.ts";

const PROTOS = ["common", "metastore", "pagestore"].map((name) => `graft/${name}/v1/${name}.proto`);

export const python: Program = {
  name: "python",
  client: "Python, `grpcio`",
  tools: ["python3"],
  protocols: ["grpc"],
  gaps: [],
  build: async ({ source, protos, cache, tool, run }) => {
    const [venv, session] = [join(cache, "venv"), join(cache, "session.py")];
    const program = join(venv, "bin/python");
    await run([tool("python3"), "-m", "venv", venv]);
    await run([program, "-m", "pip", "install", "-q", "-r", join(source, "requirements.txt")]);
    const outputs = [`--python_out=${cache}`, `--grpc_python_out=${cache}`];
    await run([program, "-m", "grpc_tools.protoc", "-I", protos, ...outputs, ...PROTOS]);
    await copyFile(join(source, "session.py"), session);
    return [program, session];
  },
};
