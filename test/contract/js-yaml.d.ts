/** The part of js-yaml that the tests use; the package brings no types. */
declare module "js-yaml" {
  /** @throws YAMLException that names line and column */
  export function load(text: string): unknown;
}
