export { loadNodeEngine } from "./load-engine.ts";
