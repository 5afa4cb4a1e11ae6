/**
 * No key, token or password lies in the repository: looks at every file that git knows or would
 * take, for texts of known forms and for random ones with the name of a secret.
 */
import { reportFindings } from "./repository/finding.ts";
import { readTrackedFiles } from "./repository/tracked-files.ts";
import { ALLOWED } from "./secrets/allowed.ts";
import { findSecrets } from "./secrets/secret-rules.ts";

reportFindings("secrets", findSecrets(readTrackedFiles(), ALLOWED));
