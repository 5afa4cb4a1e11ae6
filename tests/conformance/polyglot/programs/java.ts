import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { Program } from "../program.ts";

export const java: Program = {
  name: "java",
  client: "Java, `grpc-java`",
  tools: ["java", "javac", "mvn"],
  protocols: ["grpc"],
  gaps: [],
  build: async ({ source, protos, cache, tool, run }) => {
    for (const part of ["pom.xml", "src"]) {
      await cp(join(source, part), join(cache, part), { recursive: true });
    }
    await run([tool("mvn"), "-q", "-B", "-ntp", `-Dprotos=${protos}`, "compile"]);
    const classes = [join(cache, "target/classes"), join(cache, "target/dependency/*")];
    return [tool("java"), "-cp", classes.join(":"), "session.Main"];
  },
};
