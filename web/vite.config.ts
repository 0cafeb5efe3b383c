import { defineConfig } from "vite";

// Every island is one entry with a stable name; the console adds a content hash to the address it prints.
export default defineConfig({
  base: "/static/islands/",
  publicDir: false,
  build: {
    outDir: "../src/province/console/static/islands",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 2000,
    cssCodeSplit: true,
    modulePreload: false,
    rolldownOptions: {
      checks: { eval: false }, // htmx carries an eval for hx-on; the content security policy and allowEval=false forbid it
      input: { map: "src/map.ts", chart: "src/chart.ts", enhance: "src/enhance.ts", wall: "src/wall.ts" },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "part-[hash].js",
        // Style sheets are linked by name; the worker is named from inside the bundle and must change with its content.
        assetFileNames: (asset) => (asset.names[0]?.endsWith(".css") ? "[name][extname]" : "[name]-[hash][extname]"),
      },
    },
  },
});
