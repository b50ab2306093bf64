const edgis = require("edgis");

import("./probe.mjs").then(({ probe }) => probe(edgis));
