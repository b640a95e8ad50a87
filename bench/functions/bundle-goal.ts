import { type Bundle, sdkClients } from "./bundle.ts";

/** What a function may load when it starts, and up to how many clients of the AWS SDK that holds. */
export const BUNDLE_GOAL = { bytes: 420_000, sdkClients: 3 } as const;

export function exceedsGoal(bundle: Bundle): boolean {
  return sdkClients(bundle).length <= BUNDLE_GOAL.sdkClients && bundle.bytes > BUNDLE_GOAL.bytes;
}
