"use strict";
// What the pages of recordings and of live sound share. A page defines `data` after it: {classes, colours}.
const $ = id => document.getElementById(id);
const LEFT = 150, RIGHT = 46, ROW = 20, GAP = 16, AZIMUTH = 150, ELEVATION = 100;
const hidden = new Set();

const nameOf = label => data.classes[label] ?? `class ${label}`;
const colourOf = label => data.colours[label];
const signed = (value, unit = "°") => (value == null ? "–" : `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(0)}${unit}`);
const where = row => `${signed(row.azimuth)}, ${signed(row.elevation)}${row.distance > 0 ? `, ${row.distance.toFixed(1)} m` : ""}`;
const vector = row => {
  const a = row.azimuth * Math.PI / 180, e = (row.elevation ?? 0) * Math.PI / 180;
  return [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)];
};
const angle = (first, second) => {
  const [a, b, c] = vector(first), [x, y, z] = vector(second);
  return Math.atan2(Math.hypot(b * z - c * y, c * x - a * z, a * y - b * x), a * x + b * y + c * z) * 180 / Math.PI;
};

// A button that hides and shows a class; `changed` is called then.
function chip(label, changed) {
  const button = document.createElement("button"), dot = document.createElement("i");
  dot.style.background = colourOf(label);
  button.append(dot, nameOf(label));
  button.setAttribute("aria-pressed", !hidden.has(label));
  button.onclick = () => {
    hidden.has(label) ? hidden.delete(label) : hidden.add(label);
    button.setAttribute("aria-pressed", !hidden.has(label));
    changed();
  };
  return button;
}

function sized(canvas, height) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  return [pen, width, height];
}

function line(pen, ...p) { pen.beginPath(); pen.moveTo(p[0], p[1]); pen.lineTo(p[2], p[3]); pen.stroke(); }

// The sphere as an equirectangular map, with a picture behind it if there is one; the result places directions.
function ground(canvas, picture) {
  const [pen, width, height] = sized(canvas, canvas.clientWidth / 2);
  const x = azimuth => (180 - azimuth) / 360 * width, y = elevation => (90 - elevation) / 180 * height;
  if (picture) { pen.drawImage(picture, 0, 0, width, height); pen.fillStyle = "#0004"; pen.fillRect(0, 0, width, height); }
  pen.strokeStyle = "#fff4"; pen.fillStyle = "#fffc"; pen.font = "11px system-ui, sans-serif"; pen.lineWidth = 1;
  for (const azimuth of [180, 90, 0, -90]) { line(pen, x(azimuth), 0, x(azimuth), height); pen.fillText(signed(azimuth), x(azimuth) + 3, height - 5); }
  for (const elevation of [45, 0, -45]) { line(pen, 0, y(elevation), width, y(elevation)); pen.fillText(signed(elevation), 3, y(elevation) - 3); }
  return { pen, width, height, x, y };
}

function disc({ pen, width, x, y }, row, radius, full, rim) {
  for (const shift of [-width, 0, width]) {
    const centre = x(row.azimuth) + shift;
    if (centre < -radius || centre > width + radius) continue;
    pen.beginPath(); pen.arc(centre, y(row.elevation ?? 0), radius, 0, 7);
    if (rim) { pen.lineWidth = full ? 4 : 6; pen.strokeStyle = full ? "#fff" : "#000a"; pen.stroke(); }
    if (full) { pen.fillStyle = colourOf(row.label); pen.fill(); } else { pen.lineWidth = 3; pen.strokeStyle = colourOf(row.label); pen.stroke(); }
  }
}

// Boxes [left, top, right, bottom] in 0..1; one at the seam of the picture is seen on both sides.
function frames({ pen, width, height }, boxes) {
  pen.lineWidth = 1.5; pen.strokeStyle = "#fff";
  for (const [left, top, right, bottom] of boxes) for (const shift of [-1, 0, 1])
    if (right + shift > 0 && left + shift < 1) pen.strokeRect((left + shift) * width, top * height, (right - left) * width, (bottom - top) * height);
}

// Energy maps of a frame of 100 ms: of each sound its pixels with energy, in the colour of its class.
function glow({ pen, width, height }, { rows, columns, sounds }, frame) {
  const wide = width / columns, high = height / rows;
  for (const [, label, steps, levels] of sounds.filter(sound => sound[0] === frame && !hidden.has(sound[1]))) {
    let place = 0;
    pen.fillStyle = colourOf(label);
    steps.forEach((step, i) => {
      place += step;
      pen.globalAlpha = .75 * levels[i] / 9;
      pen.fillRect(place % columns * wide, Math.floor(place / columns) * high, wide + .3, high + .3);
    });
  }
  pen.globalAlpha = 1;
}

// Direction under the pointer.
function pointed(event) {
  const box = event.currentTarget.getBoundingClientRect();
  return { azimuth: 180 - (event.clientX - box.left) / box.width * 360, elevation: 90 - (event.clientY - box.top) / box.height * 180 };
}

const timelineHeight = labels => Math.max(labels.length, 1) * ROW + GAP + AZIMUTH + GAP + ELEVATION + 22;

// Axes of activity, azimuth and elevation over time, from `start` to `stop` seconds; the result places rows.
function axes(pen, width, labels, start, stop) {
  const activity = Math.max(labels.length, 1) * ROW, height = timelineHeight(labels), span = stop - start;
  const middle = activity + GAP + AZIMUTH / 2, low = activity + GAP + AZIMUTH + GAP + ELEVATION / 2;
  const plan = { width, height, x: time => LEFT + (time - start) / span * (width - LEFT - RIGHT), time: x => start + (x - LEFT) / (width - LEFT - RIGHT) * span,
    row: label => labels.indexOf(label) * ROW + ROW / 2, azimuth: value => middle - value / 360 * AZIMUTH, elevation: value => low - value / 180 * ELEVATION };
  pen.font = "12px system-ui, sans-serif"; pen.textBaseline = "middle"; pen.strokeStyle = "#e2e2e2"; pen.fillStyle = "#555";
  const step = [.5, 1, 2, 5, 10, 20, 30, 60].find(step => span / step <= (width - LEFT - RIGHT) / 60) ?? 120;
  pen.textAlign = "center";
  for (let time = Math.ceil(start / step - 1e-6) * step; time <= stop + 1e-6; time += step) { line(pen, plan.x(time), 0, plan.x(time), height - 20); pen.fillText(`${+time.toFixed(1)} s`, plan.x(time), height - 8); }
  pen.textAlign = "right";
  for (const label of labels) pen.fillText(nameOf(label), LEFT - 8, plan.row(label), LEFT - 12);
  for (const [value, word] of [[180, "azimuth +180°"], [90, "+90°"], [0, "0°"], [-90, "−90°"], [-180, "−180°"]]) tick(plan.azimuth(value), word);
  for (const [value, word] of [[90, "elevation +90°"], [0, "0°"], [-90, "−90°"]]) tick(plan.elevation(value), word);
  pen.textAlign = "left";
  for (const [value, word] of [[180, "back"], [90, "left"], [0, "front"], [-90, "right"], [-180, "back"]]) pen.fillText(word, width - RIGHT + 6, plan.azimuth(value));
  return plan;
  function tick(y, word) { line(pen, LEFT, y, width - RIGHT, y); pen.fillText(word, LEFT - 8, y); }
}

function bars(pen, plan, rows, pale) {
  pen.globalAlpha = pale ? .38 : 1;
  for (const row of rows) {
    pen.fillStyle = colourOf(row.label);
    const left = Math.round(plan.x(row.onset)), wide = Math.max(Math.round(plan.x(row.offset)) - left, 1), bar = pale ? 16 : 6, thick = pale ? 8 : 2.5;
    pen.fillRect(left, plan.row(row.label) - bar / 2, wide, bar);
    if (row.azimuth != null) pen.fillRect(left, plan.azimuth(row.azimuth) - thick / 2, wide, thick);
    if (row.elevation != null) pen.fillRect(left, plan.elevation(row.elevation) - thick / 2, wide, thick);
  }
  pen.globalAlpha = 1;
}

// A row of a table: the name of a class with its colour, and further cells.
function named(label, ...cells) {
  const line = document.createElement("tr"), dot = document.createElement("i");
  dot.style.background = colourOf(label);
  for (const content of [nameOf(label), ...cells]) {
    const cell = document.createElement("td");
    cell.textContent = content;
    line.append(cell);
  }
  line.firstChild.prepend(dot);
  return line;
}

function say(event, lines) {
  const tip = $("tip");
  tip.style.display = "block";
  tip.textContent = lines.join("\n");
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
}

const silent = () => { $("tip").style.display = "none"; };
