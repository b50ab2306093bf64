// How the orchestrator and a measured process talk: JSON, one message a line, marked, as a client may log to stdout, too.

const MARK = "edgis-bench ";

export const encode = (message) => `${MARK}${JSON.stringify(message)}\n`;

/** The message of a line, or undefined for a line that is none. */
export const decode = (line) => (line.startsWith(MARK) ? JSON.parse(line.slice(MARK.length)) : undefined);
