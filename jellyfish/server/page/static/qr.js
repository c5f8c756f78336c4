// A QR code as a picture, of rows of 0 and 1 (dark) that the server has worked out.

const QUIET = 4; // modules of white around it, which readers need
const NAMESPACE = "http://www.w3.org/2000/svg";

export function qrPicture(rows, words) {
  const side = rows.length + 2 * QUIET;
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", words);
  svg.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(NAMESPACE, "path");
  path.setAttribute("d", darkOnes(rows));
  path.setAttribute("fill", "#000");
  svg.append(path);
  return svg;
}

/** A path of all dark modules, runs of them in one. */
export function darkOnes(rows) {
  let path = "";
  rows.forEach((row, y) => {
    for (const run of row.matchAll(/1+/g)) path += `M${run.index + QUIET} ${y + QUIET}h${run[0].length}v1h-${run[0].length}z`;
  });
  return path;
}
