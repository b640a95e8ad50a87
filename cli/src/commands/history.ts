import type { Ledger } from "../../../shared/aws/ledger.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { formatEntry } from "../format/history.ts";
import { secretName } from "../format/names.ts";
import { type FindSecretPorts, findSecret } from "./find-secret.ts";
import type { Say } from "./say.ts";

export interface HistoryPorts extends FindSecretPorts {
  readonly ledger: Pick<Ledger, "listSecrets" | "readHistory">;
}

/** Who or what rotated the secret to which version when, and who adopted it when; oldest first. */
export async function showHistory(
  { secretId, since }: { readonly secretId: string; readonly since?: Date | undefined },
  ports: HistoryPorts,
  say: Say,
): Promise<ExitCode> {
  const { secretArn } = await findSecret(secretId, ports);
  const entries = await ports.ledger.readHistory(secretArn, since ? { since } : {});
  say.result({ secretArn, name: secretName(secretArn), entries }, () =>
    entries.length > 0
      ? entries.map(formatEntry)
      : [
          `Nothing happened to ${secretName(secretArn)}${since ? ` since ${since.toISOString()}` : " while Keyturn watched"}.`,
        ],
  );
  return EXIT.ok;
}
