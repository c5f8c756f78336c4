// A small line of values over time, in an SVG that has two paths: .under and .line. No axes: the figure beside it tells.

const ACROSS = 100;
const DOWN = 24;

/** `values`: numbers, or null where there is none; the newest last. `most`: how many fit. */
export function drawSpark(svg, values, most = 60) {
  const known = values.slice(-most);
  const top = Math.max(1, ...known.filter((value) => value !== null)) * 1.1;
  const step = ACROSS / (most - 1);
  const first = most - known.length;
  let line = "";
  let under = "";
  let open = false;
  known.forEach((value, place) => {
    const x = (first + place) * step;
    if (value === null) {
      if (open) under += `L${(x - step).toFixed(1)} ${DOWN}Z`;
      open = false;
      return;
    }
    const y = DOWN - (value / top) * DOWN;
    const at = `${x.toFixed(1)} ${y.toFixed(1)}`;
    line += open ? `L${at}` : `M${at}`;
    under += open ? `L${at}` : `M${x.toFixed(1)} ${DOWN}L${at}`;
    open = true;
  });
  if (open) under += `L${ACROSS} ${DOWN}Z`;
  svg.querySelector(".line").setAttribute("d", line);
  svg.querySelector(".under").setAttribute("d", under);
}
