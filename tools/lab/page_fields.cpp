// The script of the report, second part: values over a plane, flat and in space, with the paths that were taken.
#include <joist/tools/lab/page.h>

namespace joist::lab {

const char* const page_fields = R"js(
// Colours from deep to high; t in [0, 1].
const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
function shade(t) {
  const at = Math.max(0, Math.min(1, t)) * (STOPS.length - 1), i = Math.min(STOPS.length - 2, Math.floor(at)),
      f = at - i;
  return STOPS[i].map((c, k) => Math.round(c + f * (STOPS[i + 1][k] - c)));
}
// A plane of side × side values and how high each counts: logarithmic above the lowest, so that valleys show.
function field(domain, side, values) {
  const fine = values.filter(v => v !== null && isFinite(v));
  let low = Infinity, high = -Infinity;
  for (const v of fine) { low = Math.min(low, v); high = Math.max(high, v); }
  const sorted = Float64Array.from(fine).sort(), mid = sorted[Math.floor(sorted.length / 2)] - low;
  const floor = Math.max(mid * 1e-2, (high - low) * 1e-9, 1e-300), range = Math.log1p((high - low) / floor) || 1;
  const height = v => v === null || !isFinite(v) ? 1 : Math.max(0, Math.min(1.15, Math.log1p(Math.max(0,
      v - low) / floor) / range));
  return {domain, side, values, low, high, height,
          at: (i, j) => height(values[i * side + j]),
          level: t => low + floor * Math.expm1(t * range)};
}
function sampled(f, x, y) {
  const [a, b, c, d] = f.domain, u = (x - a) / (b - a) * (f.side - 1), v = (y - c) / (d - c) * (f.side - 1);
  const j = Math.floor(u), i = Math.floor(v);
  if (!(i >= 0 && j >= 0 && i < f.side - 1 && j < f.side - 1)) return null;
  const p = u - j, q = v - i;
  return (1 - q) * ((1 - p) * f.at(i, j) + p * f.at(i, j + 1)) + q * ((1 - p) * f.at(i + 1, j) + p * f.at(i + 1, j +
      1));
}
// paths: [{name, colour, points: [[x, y]]}]
function contour(parent, title, f, paths, minima, clock) {
  const box = el('figure', {class: 'chart'}, parent);
  el('figcaption', {}, box, title);
  const buttons = el('div', {class: 'buttons'}, box), size = 440, edge = 40, top = 8;
  const canvas = el('canvas', {width: size + edge + 12, height: size + top + 22}, box);
  save_buttons(buttons, title, canvas);
  const c = canvas.getContext('2d'), [a, b, lo, hi] = f.domain;
  const px = x => edge + (x - a) / (b - a) * size, py = y => top + size - (y - lo) / (hi - lo) * size;
  const ground = document.createElement('canvas');
  ground.width = ground.height = size;
  const g = ground.getContext('2d'), picture = g.createImageData(size, size);
  for (let y = 0; y < size; ++y)
    for (let x = 0; x < size; ++x) {
      const t = sampled(f, a + (x + 0.5) / size * (b - a) * 0.99999, lo +
          (size - y - 0.5) / size * (hi - lo) * 0.99999);
      const rgb = shade(t === null ? 1 : t), k = 4 * (y * size + x);
      for (let i = 0; i < 3; ++i) picture.data[k + i] = 255 - (255 - rgb[i]) * 0.75;
      picture.data[k + 3] = 255;
    }
  g.putImageData(picture, 0, 0);
  g.lineWidth = 0.7;
  g.strokeStyle = 'rgba(255,255,255,0.65)';
  for (let level = 0.06; level < 1; level += 0.075) {  // marching squares
    g.beginPath();
    const scale = size / (f.side - 1);
    for (let i = 0; i + 1 < f.side; ++i)
      for (let j = 0; j + 1 < f.side; ++j) {
        const corners = [[j, i], [j + 1, i], [j + 1, i + 1], [j, i + 1]], cuts = [];
        const heights = corners.map(([x, y]) => f.at(y, x) - level);
        for (let k = 0; k < 4; ++k) {
          const p = heights[k], q = heights[(k + 1) % 4];
          if ((p < 0) === (q < 0)) continue;
          const s = p / (p - q), m = corners[k], n = corners[(k + 1) % 4];
          cuts.push([(m[0] + s * (n[0] - m[0])) * scale, size - (m[1] + s * (n[1] - m[1])) * scale]);
        }
        for (let k = 0; k + 1 < cuts.length; k += 2) { g.moveTo(...cuts[k]); g.lineTo(...cuts[k + 1]); }
      }
    g.stroke();
  }
  function draw() {
    c.clearRect(0, 0, canvas.width, canvas.height);
    c.drawImage(ground, edge, top);
    c.fillStyle = '#444';
    c.font = '11px sans-serif';
    c.textAlign = 'center';
    for (const t of ticks(a, b)) c.fillText(show(t), px(t), top + size + 15);
    c.textAlign = 'right';
    for (const t of ticks(lo, hi)) c.fillText(show(t), edge - 4, py(t) + 4);
    c.save();
    c.beginPath();
    c.rect(edge, top, size, size);
    c.clip();
    for (const m of minima || []) {
      c.strokeStyle = '#fff';
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(px(m[0]) - 5, py(m[1])); c.lineTo(px(m[0]) + 5, py(m[1]));
      c.moveTo(px(m[0]), py(m[1]) - 5); c.lineTo(px(m[0]), py(m[1]) + 5);
      c.stroke();
    }
    for (const path of paths) {
      const until = Math.min(path.points.length - 1, clock.value);
      for (const [style, width] of [['#fff', 4], [path.colour, 2]]) {
        c.strokeStyle = style;
        c.lineWidth = width;
        c.beginPath();
        for (let k = 0; k <= until; ++k) c.lineTo(px(path.points[k][0]), py(path.points[k][1]));
        c.stroke();
      }
      if (until < 0) continue;
      c.fillStyle = path.colour;
      c.beginPath();
      c.arc(px(path.points[until][0]), py(path.points[until][1]), 5, 0, 7);
      c.fill();
      c.strokeStyle = '#fff';
      c.lineWidth = 1.5;
      c.stroke();
    }
    c.restore();
  }
  clock.listeners.push(draw);
  draw();
}
function space(parent, title, f, paths, clock) {
  const box = el('figure', {class: 'chart'}, parent);
  el('figcaption', {}, box, title + ' (drag to turn)');
  const buttons = el('div', {class: 'buttons'}, box), width = 480, height = 440;
  const canvas = el('canvas', {width, height, class: 'turn'}, box), c = canvas.getContext('2d');
  save_buttons(buttons, title + ' surface', canvas);
  const view = {turn: -0.7, tilt: 0.9}, [a, b, lo, hi] = f.domain, cells = Math.min(48, f.side - 1);
  function project(u, v, h) {  // u, v in [-1, 1], h in [0, 1]
    const x = u * Math.cos(view.turn) - v * Math.sin(view.turn), y = u * Math.sin(view.turn) + v * Math.cos(view.turn);
    const z = (h - 0.45) * 0.85, depth = y * Math.sin(view.tilt) + z * Math.cos(view.tilt);
    const up = z * Math.sin(view.tilt) - y * Math.cos(view.tilt), near = 4 / (4 + y * 0.6);
    return [width / 2 + x * 150 * near, height / 2 - up * 150 * near, depth, y];
  }
  function draw() {
    c.clearRect(0, 0, width, height);
    const quads = [], grid = [];
    for (let i = 0; i <= cells; ++i)
      for (let j = 0; j <= cells; ++j) {
        const r = Math.round(i / cells * (f.side - 1)), s = Math.round(j / cells * (f.side - 1)), h = f.at(r, s);
        grid.push([...project(2 * j / cells - 1, 2 * i / cells - 1, h), h]);
      }
    for (let i = 0; i < cells; ++i)
      for (let j = 0; j < cells; ++j) {
        const k = i * (cells + 1) + j, corners = [grid[k], grid[k + 1], grid[k + cells + 2], grid[k + cells + 1]];
        quads.push({corners, far: corners.reduce((sum, p) => sum + p[3], 0), h: corners.reduce((s, p) => s + p[4],
            0) / 4});
      }
    quads.sort((p, q) => q.far - p.far);
    for (const quad of quads) {
      const rgb = shade(quad.h).join(',');
      c.fillStyle = `rgb(${rgb})`;
      c.strokeStyle = 'rgba(255,255,255,0.25)';
      c.lineWidth = 0.6;
      c.beginPath();
      for (const p of quad.corners) c.lineTo(p[0], p[1]);
      c.closePath();
      c.fill();
      c.stroke();
    }
    for (const path of paths) {
      const until = Math.min(path.points.length - 1, clock.value);
      let last = null;
      for (const [style, line] of [['#fff', 4], [path.colour, 2]]) {
        c.strokeStyle = style;
        c.lineWidth = line;
        c.beginPath();
        for (let k = 0; k <= until; ++k) {
          const [x, y] = path.points[k], h = sampled(f, x, y);
          if (h === null) continue;
          last = project(2 * (x - a) / (b - a) - 1, 2 * (y - lo) / (hi - lo) - 1, h + 0.01);
          c.lineTo(last[0], last[1]);
        }
        c.stroke();
      }
      if (!last) continue;
      c.fillStyle = path.colour;
      c.beginPath();
      c.arc(last[0], last[1], 5, 0, 7);
      c.fill();
    }
  }
  let held = null;
  canvas.onpointerdown = event => { held = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointerup = () => { held = null; };
  canvas.onpointermove = event => {
    if (!held) return;
    view.turn -= (event.clientX - held[0]) * 0.01;
    view.tilt = Math.max(0.1, Math.min(1.5, view.tilt - (event.clientY - held[1]) * 0.01));
    held = [event.clientX, event.clientY];
    draw();
  };
  clock.listeners.push(draw);
  draw();
}
// A slider over steps that moves several figures.
function timer(parent, steps) {
  const clock = {value: steps, listeners: []}, box = el('div', {class: 'clock'}, parent);
  const button = el('button', {}, box, '▶'), label = el('span', {}, box);
  const slider = el('input', {type: 'range', min: 0, max: steps, value: steps, class: 'slider'}, box);
  const set = value => {
    clock.value = value;
    slider.value = value;
    label.textContent = ` step ${value} of ${steps} `;
    clock.listeners.forEach(draw => draw());
  };
  slider.oninput = () => set(Number(slider.value));
  let running = null;
  button.onclick = () => {
    if (running) { clearInterval(running); running = null; button.textContent = '▶'; return; }
    button.textContent = '❚❚';
    let at = clock.value >= steps ? 0 : clock.value;
    running = setInterval(() => {
      set(Math.round(at));
      at += Math.max(1, steps / 250);
      if (at > steps) { set(steps); clearInterval(running); running = null; button.textContent = '▶'; }
    }, 40);
  };
  set(steps);
  return clock;
}
)js";

}  // namespace joist::lab
