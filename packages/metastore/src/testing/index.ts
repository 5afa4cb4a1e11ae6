/**
 * A MetaStore on a store in memory, spoken to over an in-memory transport; hints between several.
 */
export { MemoryHintBus, MemoryHintNetwork } from "./memory-hint-bus.ts";
export { NATS_PROGRAM, NatsServer } from "./nats-server.ts";
export {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
  type TestMetastoreOptions,
} from "./test-metastore.ts";
