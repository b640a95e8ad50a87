import { kindOfSecret } from "../../contract/secret-id.ts";
import { isRotated, type Ledger, type RotationRecord } from "../ledger.ts";
import type { LedgerTable, Row } from "./ledger-table.ts";
import { toKnownSecret, toRotationView } from "./rotation-rows.ts";
import { newestKey, rotationKey, SECRETS } from "./row-keys.ts";

/** A hyphen and six characters that Secrets Manager adds to the name. */
const SUFFIX_LENGTH = 7;

/** The newest rotations of secrets that are known by less than their ARN. */
export function createNewestRotations(table: LedgerTable) {
  /** The rows of secrets that the id may mean. */
  const findSecrets = async (secretId: string): Promise<Row[]> => {
    const exact = await table.get(newestKey(secretId));
    if (exact) return [exact];
    if (kindOfSecret(secretId) !== "secrets-manager") return [];
    const rows = await table.list(SECRETS, { prefix: `${secretId}-` });
    // A longer one is of another secret, whose name begins alike.
    return rows.filter(({ sk = "" }) => sk.length === secretId.length + SUFFIX_LENGTH);
  };

  return {
    async findNewest(secretId) {
      const found: RotationRecord[] = [];
      for (const secret of (await findSecrets(secretId)).map(toKnownSecret)) {
        if (!isRotated(secret)) continue;
        const { secretArn, versionId, currentSince } = secret;
        const row = await table.get(rotationKey(secret));
        // A crash may have left it without a row: there is no verdict then.
        found.push(row ? toRotationView(row) : { secretArn, versionId, currentSince, detectedBy: "" });
      }
      return found;
    },
  } satisfies Partial<Ledger>;
}
