// Boxes on a picture: a canvas over it, in the pixels of the screen.

const COLOURS = ["#56b4e9", "#f0e442", "#e69f00", "#00c08b", "#ff8fc7", "#ff7043", "#b39dff", "#c6d64a"];
const colourOf = new Map();

/** The same colour for a class wherever it is shown; colours that the colour-blind tell apart. */
export function colour(label) {
  if (!colourOf.has(label)) colourOf.set(label, COLOURS[colourOf.size % COLOURS.length]);
  return colourOf.get(label);
}

for (const usual of ["car", "person", "truck", "bicycle", "bus", "motorcycle"]) colour(usual);

/** A canvas as large as the place it has on the screen; its context, and that size in CSS pixels. */
export function sized(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/**
 * Draw detections: [{label, score, box: [left, top, right, bottom], track, zones}], sides in shares of the picture.
 * `place`: where the picture is on the canvas, {left, top, width, height}; `mirrored`: it is shown as in a mirror.
 */
export function drawBoxes(context, detections, place, mirrored = false) {
  const scale = Math.max(0.8, Math.min(1.35, place.width / 480));
  const placed = detections.map((detection) => ({ ...detection, at: onScreen(detection.box, place, mirrored) }));
  placed.sort((one, other) => other.at.width * other.at.height - one.at.width * one.at.height);
  context.lineJoin = "round";
  for (const each of placed) drawBox(context, each, scale);
  context.font = `600 ${Math.round(11 * scale)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const written = [];
  for (const each of placed) write(context, each, place, scale, written);
}

function onScreen([left, top, right, bottom], place, mirrored) {
  return {
    x: place.left + (mirrored ? 1 - right : left) * place.width,
    y: place.top + top * place.height,
    width: (right - left) * place.width,
    height: (bottom - top) * place.height,
  };
}

function drawBox(context, { label, at: { x, y, width, height } }, scale) {
  context.lineWidth = 1.8 * scale + 2;
  context.strokeStyle = "rgba(0, 0, 0, 0.5)";
  context.strokeRect(x, y, width, height);
  context.lineWidth = 1.8 * scale;
  context.strokeStyle = colour(label);
  context.strokeRect(x, y, width, height);
}

/** A box's words above it, where there is room: the largest boxes come first, and no words hide others. */
function write(context, { label, score, track, at }, place, scale, written) {
  if (at.width < 22 * scale && at.height < 40 * scale) return;
  const words = track === undefined || track === null ? `${label} ${score.toFixed(2).replace(/^0/, "")}` : `${label} #${track}`;
  const high = 14 * scale;
  const wide = context.measureText(words).width + 7 * scale;
  const top = at.y - high >= place.top ? at.y - high : at.y;
  const left = Math.max(place.left, Math.min(at.x - scale, place.left + place.width - wide));
  const hides = (other) => left < other.right && other.left < left + wide && top < other.bottom && other.top < top + high;
  if (written.some(hides)) return;
  written.push({ left, top, right: left + wide, bottom: top + high });
  context.fillStyle = colour(label);
  context.fillRect(left, top, wide, high);
  context.fillStyle = "#101418";
  context.fillText(words, left + 3.5 * scale, top + high / 2 + 0.5);
}

/** Zones, and masks, which have no name: [{name, polygon: [[x, y], ...]}], in shares of the picture. */
export function drawAreas(context, areas, place) {
  const at = ([x, y]) => [place.left + x * place.width, place.top + y * place.height];
  for (const { name, polygon } of areas) {
    if (!polygon.length) continue;
    context.beginPath();
    for (const corner of polygon) context.lineTo(...at(corner));
    context.closePath();
    context.fillStyle = name ? "rgba(255, 255, 255, 0.14)" : "rgba(0, 0, 0, 0.55)";
    context.fill();
    context.lineWidth = 1.5;
    context.setLineDash([6, 4]);
    context.strokeStyle = "rgba(255, 255, 255, 0.85)";
    context.stroke();
    context.setLineDash([]);
    if (!name) continue;
    const [x, y] = at([middle(polygon, 0), middle(polygon, 1)]);
    context.font = "600 12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.strokeStyle = "rgba(0, 0, 0, 0.7)";
    context.strokeText(name, x, y);
    context.fillStyle = "#fff";
    context.fillText(name, x, y);
    context.textAlign = "start";
  }
}

function middle(polygon, side) {
  return polygon.reduce((sum, corner) => sum + corner[side], 0) / polygon.length;
}

/** What is in a picture, in words: "3 cars, 1 person". */
export function inWords(detections) {
  const counts = new Map();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  const parts = [...counts].sort((one, other) => other[1] - one[1]).map(([label, count]) => `${count} ${plural(label, count)}`);
  return parts.join(", ") || "nothing found";
}

function plural(label, count) {
  if (count === 1) return label;
  if (label === "person") return "people";
  return /(s|x|ch|sh)$/.test(label) ? `${label}es` : `${label}s`;
}
