// What a browser loads first stays within 60 kB gzipped; nothing loaded later is above 40 kB.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const folder = join(process.env.SIGNALBOX_BUILD, "web/console");
const html = readFileSync(join(folder, "index.html"), "utf8");
const size = (name) => statSync(join(folder, "assets", name + ".gz")).size;
const named = [...html.matchAll(/assets\/([^"]+)/g)].map((match) => match[1]);
const scripts = readdirSync(join(folder, "assets")).filter((name) => name.endsWith(".js"));
const first = new Set(named);
for (const name of first)
  if (name.endsWith(".js"))
    for (const match of readFileSync(join(folder, "assets", name), "utf8").matchAll(/from"\.\/([^"]+)"/g)) first.add(match[1]);
const load = [...first].reduce((sum, name) => sum + size(name), statSync(join(folder, "index.html.gz")).size);
const lazy = Math.max(0, ...scripts.filter((name) => !first.has(name)).map(size));

console.log("1..2");
console.log(`${load <= 60000 ? "ok" : "not ok"} 1 - first load ${load} bytes gzipped, 60000 at most`);
console.log(`${lazy <= 40000 ? "ok" : "not ok"} 2 - largest lazy part ${lazy} bytes gzipped, 40000 at most`);
process.exitCode = load <= 60000 && lazy <= 40000 ? 0 : 1;
