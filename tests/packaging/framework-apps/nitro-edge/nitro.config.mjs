export default {
  compatibilityDate: "2026-09-01",
  srcDir: "server",
  output: { dir: "{{ rootDir }}/built", serverDir: "{{ output.dir }}/server", publicDir: "{{ output.dir }}/public" },
};
