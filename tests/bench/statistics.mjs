// Medians, and ratios that compare only what ran side by side.

export function median(numbers) {
  if (!numbers.length) return undefined;
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How far the middle half of the rounds lies apart, relative to their median: the noise of a figure. */
export function spread(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return (at(0.75) - at(0.25)) / median(sorted);
}

/** A measured load of one client, from its rounds. */
export function summarise(rounds) {
  const rate = rounds.map(({ commands, elapsed }) => (commands / elapsed) * 1000);
  const cpu = rounds.map((round) => round.cpu / round.commands);
  const writes = rounds.map((round) => (round.writes / round.commands) * 1000);
  return {
    rate: median(rate),
    cpu: median(cpu),
    writesPer1000: median(writes),
    spread: spread(rate),
    rates: rate,
    cpus: cpu,
  };
}

/** The median over the rounds of mine ÷ theirs: a slow moment of the machine hits both sides of a round. */
export function ratio(mine, theirs) {
  const rounds = Math.min(mine?.length ?? 0, theirs?.length ?? 0);
  return rounds ? median(Array.from({ length: rounds }, (_, i) => mine[i] / theirs[i])) : undefined;
}
