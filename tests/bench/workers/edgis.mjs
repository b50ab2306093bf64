// A client for the module, as the README has it.
import { createClient } from "edgis";
import { serve } from "./serve.mjs";

let url;
const redis = createClient({ url: () => url, logger: false });

export default serve((given) => {
  url = given;
  return redis;
});
