import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { promisify } from "node:util";

export interface SelfSigned {
  /** In PEM. */
  readonly cert: string;
  readonly key: string;
}

/** A certificate for localhost, signed by itself. */
export async function selfSigned(): Promise<SelfSigned> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
  const files = ["-keyout", key, "-out", cert];
  try {
    await promisify(execFile)("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      ...names,
      ...files,
    ]);
    return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Trusts a certificate as NODE_EXTRA_CA_CERTS has Node do, which is read at its start alone. */
export async function trusting<T>(certificate: string, run: () => Promise<T>): Promise<T> {
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, certificate]);
  try {
    return await run();
  } finally {
    setDefaultCACertificates(before);
  }
}
