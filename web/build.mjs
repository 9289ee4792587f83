// Builds the console: node build.mjs OUT_DIR. Hashed names, pre-compressed, index.html last.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx", "src/style.css"],
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2020",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: join(out, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  metafile: true,
  legalComments: "none",
});

const built = Object.entries(result.metafile.outputs);
const named = (source) => basename(built.find(([, o]) => o.entryPoint === source)[0]);
const html = readFileSync(join(here, "index.html"), "utf8")
  .replace("style.css", `assets/${named("src/style.css")}`)
  .replace("main.js", `assets/${named("src/main.tsx")}`);
writeFileSync(join(out, "index.html"), html);
for (const folder of [out, join(out, "assets")])
  for (const name of readdirSync(folder))
    if (/\.(js|css|html|svg)$/.test(name)) writeFileSync(join(folder, name + ".gz"), gzipSync(readFileSync(join(folder, name)), { level: 9 }));
