/** A MetaStore on a store in memory, spoken to over an in-memory transport. */
export {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
  type TestMetastoreOptions,
} from "./test-metastore.ts";
