/** Replicas that keep themselves current, over the in-memory network. */
import { createNewsFeed, type Runtime, type SyncPolicy, type Volume } from "@graft/client";
import { toPageIndex } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
