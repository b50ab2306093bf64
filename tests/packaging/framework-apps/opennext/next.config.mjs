// Without edgis among them OpenNext bundles what Node would load.
export default {
  serverExternalPackages: process.env.INLINED ? [] : ["edgis"],
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
};
