// The script of the report, first part: line charts that can be asked, tables, small helpers.
#include <joist/tools/lab/page.h>

namespace joist::lab {

const char* const page_charts = R"js(
'use strict';
const SVG = 'http://www.w3.org/2000/svg';
const data = JSON.parse(document.getElementById('data').textContent);
const timings = JSON.parse(document.getElementById('timings').textContent);
const colour = i => data.colours[i % data.colours.length];
function el(tag, attributes, parent, text) {
  const svg = ['svg', 'path', 'line', 'rect', 'text', 'circle', 'g'].includes(tag);
  const node = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
function show(x) {
  if (x === null || x === undefined || !isFinite(x)) return '–';
  if (x === 0) return '0';
  const size = Math.abs(x);
  return size >= 1e5 || size < 1e-3 ? x.toExponential(2) : String(Number(x.toPrecision(4)));
}
function ticks(low, high, log) {
  const list = [];
  if (log) {
    const first = Math.ceil(low - 1e-9), last = Math.floor(high + 1e-9), step = Math.max(1,
        Math.ceil((last - first) / 6));
    for (let k = first; k <= last; k += step) list.push(k);
    if (list.length < 2) return [low, (low + high) / 2, high];
    return list;
  }
  const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough)), share = rough / unit;
  const step = unit * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; ++k) list.push(k * step);
  return list;
}
function median(list) {
  const x = list.filter(v => v !== null && isFinite(v)).sort((a, b) => a - b), n = x.length;
  return n === 0 ? null : n % 2 ? x[(n - 1) / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}
// Buttons that hand a figure over as a file: a chart as SVG, everything as PNG.
function hand_over(name, address) {
  const link = el('a', {href: address, download: name.replace(/[^\p{L}\p{N}]+/gu, '-')}, document.body);
  link.click();
  link.remove();
}
function save_buttons(parent, title, node) {
  if (node.tagName === 'CANVAS') {
    el('button', {}, parent, 'PNG').onclick = () => hand_over(title + '.png', node.toDataURL('image/png'));
    return;
  }
  const text = () => {
    const copy = node.cloneNode(true);
    copy.setAttribute('xmlns', SVG);
    copy.insertBefore(document.createElementNS(SVG, 'style'), copy.firstChild).textContent =
        'text { font: 11px sans-serif; fill: #333; }';
    return 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(new XMLSerializer().serializeToString(copy));
  };
  el('button', {}, parent, 'SVG').onclick = () => hand_over(title + '.svg', text());
  el('button', {}, parent, 'PNG').onclick = () => {
    const picture = new Image(), canvas = document.createElement('canvas');
    picture.onload = () => {
      canvas.width = 2 * picture.width;
      canvas.height = 2 * picture.height;
      const c = canvas.getContext('2d');
      c.fillStyle = '#fff';
      c.fillRect(0, 0, canvas.width, canvas.height);
      c.drawImage(picture, 0, 0, canvas.width, canvas.height);
      hand_over(title + '.png', canvas.toDataURL('image/png'));
    };
    picture.src = text();
  };
}
// series: [{name, colour, points: [[x, y]], band: [[x, low, high]], dots, step, dash}]
function chart(parent, options) {
  const box = el('figure', {class: 'chart'}, parent);
  el('figcaption', {}, box, options.title);
  const buttons = el('div', {class: 'buttons'}, box);
  const width = options.width || 520, height = options.height || 300, left = 74, right = 12, top = 10, bottom = 40;
  const svg = el('svg', {viewBox: `0 0 ${width} ${height}`, width, height}, box);
  const state = {logx: !!options.logx, logy: !!options.logy, hidden: new Set()};
  const legend = el('div', {class: 'legend'}, box);
  options.series.forEach((one, i) => {
    const item = el('span', {class: 'item'}, legend);
    el('span', {class: 'swatch', style: `background:${one.colour}`}, item);
    el('span', {}, item, one.name);
    item.onclick = () => {
      if (state.hidden.has(i)) state.hidden.delete(i); else state.hidden.add(i);
      item.classList.toggle('off');
      draw();
    };
  });
  for (const axis of ['logx', 'logy']) {
    if (options[axis] === undefined) continue;
    const label = el('label', {}, buttons), input = el('input', {type: 'checkbox'}, label);
    input.checked = state[axis];
    el('span', {}, label, axis === 'logx' ? ' logarithmic x ' : ' logarithmic y ');
    input.onchange = () => { state[axis] = input.checked; draw(); };
  }
  save_buttons(buttons, options.title, svg);
  function draw() {
    svg.replaceChildren();
    const fx = x => state.logx ? Math.log10(x) : x, fy = y => state.logy ? Math.log10(y) : y;
    const raw = (v, log) => log ? 10 ** v : v;
    const fine = (x, y) => x !== null && y !== null && isFinite(fx(x)) && isFinite(fy(y));
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    const take = (x, y) => {
      if (!fine(x, y)) return;
      x0 = Math.min(x0, fx(x)); x1 = Math.max(x1, fx(x)); y0 = Math.min(y0, fy(y)); y1 = Math.max(y1, fy(y));
    };
    const visible = options.series.filter((one, i) => !state.hidden.has(i));
    for (const one of visible) {
      one.points.forEach(p => take(p[0], p[1]));
      (one.band || []).forEach(p => { take(p[0], p[1]); take(p[0], p[2]); });
    }
    for (const x of options.vlines || []) if (y0 <= y1) take(x, raw(y0, state.logy));
    if (!(x0 <= x1)) { x0 = 0; x1 = 1; y0 = 0; y1 = 1; }
    if (options.ymax !== undefined && !state.logy) y1 = options.ymax;
    if (options.ymin !== undefined && !state.logy) y0 = options.ymin;
    if (x0 === x1) { x0 -= 0.5; x1 += 0.5; }
    if (y0 === y1) { y0 -= Math.abs(y0) * 0.05 || 0.5; y1 += Math.abs(y1) * 0.05 || 0.5; }
    const px = x => left + (fx(x) - x0) / (x1 - x0) * (width - left - right);
    const py = y => height - bottom - (fy(y) - y0) / (y1 - y0) * (height - top - bottom);
    for (const t of ticks(y0, y1, state.logy)) {
      const at = py(raw(t, state.logy));
      el('line', {x1: left, x2: width - right, y1: at, y2: at, stroke: '#ddd'}, svg);
      el('text', {x: left - 6, y: at + 4, 'text-anchor': 'end', class: 'tick'}, svg, show(raw(t, state.logy)));
    }
    for (const t of ticks(x0, x1, state.logx)) {
      const at = px(raw(t, state.logx));
      el('line', {x1: at, x2: at, y1: height - bottom, y2: height - bottom + 4, stroke: '#888'}, svg);
      el('text', {x: at, y: height - bottom + 16, 'text-anchor': 'middle', class: 'tick'}, svg, show(raw(t,
          state.logx)));
    }
    el('path', {d: `M${left} ${top}V${height - bottom}H${width - right}`, fill: 'none', stroke: '#444'}, svg);
    el('text', {x: (left + width - right) / 2, y: height - 6, 'text-anchor': 'middle', class: 'axis'}, svg, options.x);
    const label = el('text', {x: 0, y: 0, 'text-anchor': 'middle', class: 'axis'}, svg, options.y);
    label.setAttribute('transform', `translate(12 ${(top + height - bottom) / 2}) rotate(-90)`);
    for (const y of options.hlines || [])
      if (fine(raw(x0, state.logx), y))
        el('line', {x1: left, x2: width - right, y1: py(y), y2: py(y), stroke: '#555', 'stroke-dasharray': '5 4'}, svg);
    for (const x of options.vlines || [])
      if (fine(x, raw(y0, state.logy)))
        el('line', {x1: px(x), x2: px(x), y1: top, y2: height - bottom, stroke: '#555',
                    'stroke-dasharray': '5 4'}, svg);
    for (const one of visible) {
      const band = (one.band || []).filter(p => fine(p[0], p[1]) && fine(p[0], p[2]));
      if (band.length > 1) {
        const there = band.map(p => `${px(p[0])} ${py(p[2])}`), back = band.map(p =>
            `${px(p[0])} ${py(p[1])}`).reverse();
        el('path', {d: `M${there.concat(back).join('L')}Z`, fill: one.colour, opacity: 0.18}, svg);
      }
      let d = '', open = false;
      for (const [x, y] of one.points) {
        if (!fine(x, y)) { open = false; continue; }
        d += open ? (one.step ? `H${px(x)}V${py(y)}` : `L${px(x)} ${py(y)}`) : `M${px(x)} ${py(y)}`;
        open = true;
        if (one.dots) el('circle', {cx: px(x), cy: py(y), r: 3, fill: one.colour}, svg);
      }
      if (!one.scatter)
        el('path', {d: d || 'M0 0', fill: 'none', stroke: one.colour, 'stroke-width': 1.8,
                    'stroke-dasharray': one.dash || 'none'}, svg);
    }
    const hover = el('g', {}, svg);
    svg.onmousemove = event => {
      hover.replaceChildren();
      const place = svg.getBoundingClientRect(), at = (event.clientX - place.left) * width / place.width;
      if (at < left || at > width - right) return;
      const near = [];
      for (const one of visible) {
        let best = null;
        for (const p of one.points)
          if (fine(p[0], p[1]) && (!best || Math.abs(px(p[0]) - at) < Math.abs(px(best[0]) - at))) best = p;
        if (best) near.push([one, best]);
      }
      if (near.length === 0) return;
      const x = px(near[0][1][0]);
      el('line', {x1: x, x2: x, y1: top, y2: height - bottom, stroke: '#999', 'stroke-dasharray': '2 2'}, hover);
      const side = x > width / 2 ? -8 : 8, anchor = x > width / 2 ? 'end' : 'start';
      el('text', {x: x + side, y: top + 10, 'text-anchor': anchor, class: 'tick'}, hover, show(near[0][1][0]));
      near.forEach(([one, p], i) => {
        el('circle', {cx: px(p[0]), cy: py(p[1]), r: 3.5, fill: one.colour}, hover);
        el('text', {x: x + side, y: top + 24 + 13 * i, 'text-anchor': anchor, class: 'tick', fill: one.colour}, hover,
           `${one.name}: ${show(p[1])}`);
      });
    };
    svg.onmouseleave = () => hover.replaceChildren();
  }
  draw();
  return box;
}
function table(parent, head, rows) {
  const box = el('table', {}, parent), first = el('tr', {}, box);
  for (const cell of head) el('th', {}, first, cell);
  for (const row of rows) {
    const line = el('tr', {}, box);
    for (const cell of row) el('td', {}, line, cell);
  }
}
function row(parent) { return el('div', {class: 'row'}, parent); }
)js";

}  // namespace joist::lab
