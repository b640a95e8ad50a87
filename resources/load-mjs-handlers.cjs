// A Serverless plugin for `sls invoke local`: it looks for a handler's file as `require` does, to which an extension
// that is left out is never `.mjs`. Node's own loader of `.js` takes ES modules as well.
module.exports = class LoadMjsHandlers {
  hooks = {
    "before:invoke:local:invoke": () => {
      require.extensions[".mjs"] ??= require.extensions[".js"];
    },
  };
};
