import * as edgis from "edgis";
import { probe } from "./probe.mjs";

probe(edgis);
