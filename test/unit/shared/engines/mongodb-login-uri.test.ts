import { expect, test } from "vitest";
import { mongoLoginUri } from "../../../../shared/engines/mongodb-login-uri.ts";

const withOptions = (options: string) => `mongodb://db.internal:27017/shop?${options}`;

test("keeps what a login needs, and leaves out what is about commands, pools and files", () => {
  const documented =
    "tls=true&tlsCAFile=global-bundle.pem&replicaSet=rs0&readPreference=secondaryPreferred&retryWrites=false";
  expect(mongoLoginUri(withOptions(documented), "verify-full")).toBe(
    withOptions("replicaSet=rs0&readPreference=secondaryPreferred"),
  );
});

test.each([
  ["mongodb+srv://cluster0.example.mongodb.net/?retryWrites=true&w=majority", "/"],
  ["mongodb://a.internal:27017,b.internal/shop", "/shop"],
  ["mongodb://db.internal", "/"],
  ["mongodb://db.internal/shop?minPoolSize=10#?tlsInsecure=true", "/shop"],
])("of %s hosts and database stay", (uri, path) => {
  const [scheme, rest = ""] = uri.split("//");
  expect(mongoLoginUri(uri, "verify-full")).toBe(`${scheme}//${rest.split(/[/?#]/)[0]}${path}`);
});

test.each([
  "tls=false",
  "TLS=false",
  "ssl=false",
  "ssl=no",
  "tls=true&tlsInsecure=true",
  "tlsAllowInvalidCertificates=true",
  "tlsallowinvalidhostnames=true",
  "appName=orders&tls=fals%65",
])("%s does not win over verify-full", (options) => {
  expect(() => mongoLoginUri(withOptions(options), "verify-full")).toThrow(/storeTls.*verify-full/);
});

test.each(["tlsInsecure=true", "tlsAllowInvalidCertificates=true", "tls=true", "tlsInsecure=false"])(
  "%s is no less than what the setting require asks for",
  (options) => {
    expect(mongoLoginUri(withOptions(options), "require")).toBe("mongodb://db.internal:27017/shop");
  },
);

test("a connection string that asks for TLS is not tried without, and one without TLS not with it", () => {
  expect(() => mongoLoginUri(withOptions("tls=true"), "disable")).toThrow(/option tls .*disable/);
  expect(() => mongoLoginUri(withOptions("ssl=false"), "require")).toThrow(/option ssl .*require/);
  expect(mongoLoginUri(withOptions("ssl=false"), "disable")).toBe("mongodb://db.internal:27017/shop");
});

test.each([
  "proxyHost=evil.example&proxyPort=1080",
  "PROXYHOST=evil.example",
  "authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:test",
  "authMechanismProperties=SERVICE_HOST:evil.example",
  "authMechanism=MONGODB-AWS",
  // The driver looks for a mechanism of which this is a part.
  "authMechanism=AWS",
  "authMechanism=GSSAPI",
  "tlsCertificateKeyFile=/proc/self/environ",
  "srvAllowedHostsSuffix=.example",
])("%s is refused by name, without its value", (options) => {
  const [name = "", value = ""] = options.split("&")[0]?.split("=") ?? [];
  const login = () => mongoLoginUri(withOptions(options), "verify-full");
  expect(login).toThrow(new RegExp(`option ${name}\\b`));
  expect(login).not.toThrow(`=${value}`);
});

test("a password is given away in plain to a server that is known alone", () => {
  const ldap = withOptions("authMechanism=PLAIN&authSource=%24external");
  expect(mongoLoginUri(ldap, "verify-full")).toBe(ldap);
  expect(() => mongoLoginUri(ldap, "require")).toThrow(/verify-full alone/);
});
