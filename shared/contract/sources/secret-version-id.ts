import * as z from "zod/mini";

/** Version id in Secrets Manager: the ClientRequestToken that created it. */
export const SecretVersionId = z.string().check(z.minLength(32), z.maxLength(64));
