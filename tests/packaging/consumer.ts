import * as edgis from "edgis";

export const names: string[] = Object.keys(edgis);
