import * as z from "zod/mini";
import { PlainText } from "../message.ts";

/** Version id in Secrets Manager: the ClientRequestToken that created it. */
export const SecretVersionId = PlainText.check(z.minLength(32), z.maxLength(64));
