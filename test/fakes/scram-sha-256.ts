import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

const ITERATIONS = 4096;

/** What a server keeps of a password: https://www.rfc-editor.org/rfc/rfc5802#section-3 */
export interface StoredPassword {
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export interface Challenge {
  readonly serverFirst: string;
  /** The server's last word, with its own signature; undefined where the proof is wrong. */
  verify(clientFinal: string): string | undefined;
}

const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();

export function storePassword(password: string): StoredPassword {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  return {
    salt,
    storedKey: sha256(hmac(salted, "Client Key")),
    serverKey: hmac(salted, "Server Key"),
  };
}

/** User that a client's first message names. */
export function userOf(clientFirst: string): string {
  return (attributesOf(clientFirst).get("n") ?? "").replaceAll("=2C", ",").replaceAll("=3D", "=");
}

/** The server's side of SCRAM-SHA-256, without channel binding: https://www.rfc-editor.org/rfc/rfc7677 */
export function challenge(clientFirst: string, { salt, storedKey, serverKey }: StoredPassword): Challenge {
  const clientFirstBare = clientFirst.replace(/^n,,/, "");
  const nonce = `${attributesOf(clientFirst).get("r")}${randomBytes(18).toString("base64")}`;
  const serverFirst = `r=${nonce},s=${salt.toString("base64")},i=${ITERATIONS}`;
  return {
    serverFirst,
    verify(clientFinal) {
      const attributes = attributesOf(clientFinal);
      const withoutProof = clientFinal.slice(0, clientFinal.lastIndexOf(",p="));
      const authMessage = `${clientFirstBare},${serverFirst},${withoutProof}`;
      const signature = hmac(storedKey, authMessage);
      const proof = Buffer.from(attributes.get("p") ?? "", "base64");
      if (attributes.get("r") !== nonce || proof.length !== signature.length) return undefined;
      const clientKey = Buffer.from(signature.map((byte, n) => byte ^ (proof[n] ?? 0)));
      if (!timingSafeEqual(sha256(clientKey), storedKey)) return undefined;
      return `v=${hmac(serverKey, authMessage).toString("base64")}`;
    },
  };
}

function attributesOf(message: string): Map<string, string> {
  return new Map(message.split(",").map((part) => [part.slice(0, 1), part.slice(2)]));
}
