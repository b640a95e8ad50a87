/** The arrows of the design. A rule's comment is what a developer reads when it fails. */
export default {
  forbidden: [
    {
      name: "no-circles",
      comment: "Two modules that need each other are one module, or lack a third.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "functions-need-shared-alone",
      comment: "A handler imports its own folder and shared/. What two handlers need lives in shared/.",
      severity: "error",
      from: { path: "^functions/([^/]+)/" },
      to: { path: "^(functions|client|sidecar|cli|local|examples|test|bench)/", pathNot: "^functions/$1/" },
    },
    {
      name: "shared-needs-nothing-above",
      comment: "shared/ is at the bottom: everything may import it, it imports none of them.",
      severity: "error",
      from: { path: "^shared/" },
      to: { path: "^(functions|client|sidecar|cli|local|examples|test|bench)/" },
    },
    {
      name: "contract-needs-zod-alone",
      comment: "shared/contract is what every side of a boundary imports, so it carries nothing but zod.",
      severity: "error",
      from: { path: "^shared/contract/" },
      to: { pathNot: "^(shared/contract/|node_modules/zod/)", dependencyTypesNot: ["core"] },
    },
    {
      name: "client-needs-contract-and-engines",
      comment: "A service imports the client: no Lambda, no AWS adapter of the pipeline comes with it.",
      severity: "error",
      from: { path: "^client/" },
      to: { path: "^(shared/(?!contract/|engines/)|(functions|local|cli|sidecar|examples|test|bench)/)" },
    },
    {
      name: "client-without-lambda",
      comment: "The client runs in services; Lambda's libraries have no place there.",
      severity: "error",
      from: { path: "^(client|shared/(contract|engines))/" },
      to: { path: "node_modules/(@aws-lambda-powertools|@middy)/" },
    },
    {
      name: "engines-need-contract-alone",
      comment: "An engine knows its store's driver and the contract; the client imports it.",
      severity: "error",
      from: { path: "^shared/engines/" },
      to: { path: "^shared/(?!contract/|engines/)" },
    },
    {
      name: "local-not-into-the-client",
      comment: "The local run treats the client as its users do: by its package name.",
      severity: "error",
      from: { path: "^local/" },
      to: { path: "^client/src/", dependencyTypesNot: ["aliased-workspace", "npm"] },
    },
    {
      name: "examples-as-users-write-them",
      comment: "An example imports packages and its own files.",
      severity: "error",
      from: { path: "^examples/([^/]+)/" },
      to: { path: "^(functions|shared|local|cli|sidecar|test|bench|examples)/", pathNot: "^examples/$1/" },
    },
    {
      name: "nothing-unresolved",
      comment: "An import that leads nowhere.",
      severity: "error",
      from: {},
      // Types alone, of what Lambda hands in: the package of that name is never loaded.
      to: { couldNotResolve: true, pathNot: "^aws-lambda$" },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
      extensions: [".ts", ".mjs", ".js", ".json"],
    },
  },
};
