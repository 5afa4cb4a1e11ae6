import { join } from "node:path";
import type { Program } from "../program.ts";

export const java: Program = {
  name: "java",
  client: "Java, `grpc-java`",
  tools: ["java", "javac", "mvn"],
  protocols: ["grpc"],
  trustVariable: "SSL_CERT_FILE",
  gaps: [],
  build: async ({ copySource, protos, tool, run }) => {
    const copy = copySource();
    await run([tool("mvn"), "-q", "-B", "-ntp", `-Dprotos=${protos}`, "compile"], { cwd: copy });
    const classes = [join(copy, "target/classes"), join(copy, "target/dependency/*")];
    return [tool("java"), "-cp", classes.join(":"), "session.Main"];
  },
};
