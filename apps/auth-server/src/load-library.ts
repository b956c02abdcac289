/**
 * Loads the OpenID Connect library without the one line that it prints about our Node. The library takes a Node without
 * `process.release.lts` for an unsupported one, and the build that we pin has none (docs/decisions/0035-packages-and-node.md):
 * the line would come first in every call of this program, `--help` too. `console` is another for this import alone, and
 * whatever else is said meanwhile is said.
 */
const LINE = "oidc-provider WARNING: Unsupported runtime.";

const { warn } = console;
console.warn = (...said: unknown[]): void => {
  if (!String(said[0]).includes(LINE)) warn.apply(console, said);
};
try {
  await import("oidc-provider");
} finally {
  console.warn = warn;
}
