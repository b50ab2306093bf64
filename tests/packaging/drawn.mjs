// Frameworks that build for Workers, each with the tree of packages that it is installed by. They take minutes, so an
// ordinary run plays one of them, which the day draws; FRAMEWORKS=all plays all, DAY=20785 what was drawn on that day.
//   node tests/packaging/drawn.mjs    prints the trees of those that this run plays
const trees = {
  "React Router": "frameworks",
  SvelteKit: "frameworks",
  Astro: "frameworks",
  Nitro: "nuxt",
  Nuxt: "nuxt",
  OpenNext: "opennext",
};
const names = Object.keys(trees);

/** Days since 1970. */
const day = Number(process.env.DAY ?? Math.floor(Date.now() / 86_400_000));

export const drawn = process.env.FRAMEWORKS === "all" ? names : [names[day % names.length]];

export const drawing =
  drawn.length === names.length
    ? "all frameworks"
    : `drawn by day ${day}: ${drawn.join(", ")} (DAY=${day} for the same, FRAMEWORKS=all for all)`;

export const treeOf = (name) => trees[name];

if (import.meta.main ?? process.argv[1] === import.meta.filename)
  console.log([...new Set(drawn.map(treeOf))].join("\n"));
