import { type GuardConfig, parseGuardConfig } from "@graft/auth";
import type { Invocation } from "../command.ts";

/** `--token-keys`, `--jwks` and what goes with them; the environment where a flag is missing. */
export function guardValue({ values, switches, surroundings }: Invocation): GuardConfig {
  const config = parseGuardConfig(surroundings.environment);
  return {
    ...config,
    keyFile: values.get("token-keys") || undefined,
    jwksUrl: values.get("jwks") || undefined,
    jwtAudience: values.get("jwt-audience") || undefined,
    jwtIssuer: values.get("jwt-issuer") || undefined,
    isProduction: config.isProduction === true || switches.has("production"),
  };
}
