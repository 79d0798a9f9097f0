// The script of the report, third part: what stands on the page.
#include <joist/tools/lab/page.h>

namespace joist::lab {

const char* const page_sections = R"js(
function curves(problem, key) {
  return problem.optimizers.map((one, i) => {
    const runs = one.runs, longest = runs.reduce((best, r) => r.evaluations.length > best.length ? r.evaluations :
        best, []);
    const points = [], band = [];
    longest.forEach((x, k) => {
      const values = runs.map(r => {
        const list = r[key] || [];
        return k < list.length ? list[k] : r.diverged ? null : list[list.length - 1];
      }).filter(v => v !== null && v !== undefined && isFinite(v)).sort((p, q) => p - q);
      if (values.length === 0) return;
      points.push([x, median(values)]);
      if (values.length > 1) band.push([x, values[0], values[values.length - 1]]);
    });
    return {name: one.label, colour: colour(i), points, band};
  });
}
// What a clock measured of a problem's optimizers; null in reports without it.
function times_of(problem) {
  const at = data.problems.indexOf(problem), list = timings && timings.problems[at];
  return list && list.label === problem.label ? list.optimizers : null;
}
// The same curves over the seconds at which their points were reached.
function curves_by_seconds(problem, times, lowest) {
  return problem.optimizers.map((one, i) => {
    const points = [], lists = times[i].points || [], longest = Math.max(0, ...lists.map(list => list.length));
    const value = (r, k) => k < r.test.length ? r.test[k] : r.diverged ? null : r.test[r.test.length - 1];
    for (let k = 0; k < longest; ++k) {
      const y = median(one.runs.map(r => value(r, k)));
      points.push([median(lists.map(list => list[Math.min(k, list.length - 1)])), y === null ? null : y - lowest]);
    }
    return {name: one.label, colour: colour(i), points};
  });
}
function seconds_to(time) {
  return !time ? '–' : time.reached === 0 ? 'never' : `${show(time.median)} (${time.reached} of ${time.runs} runs)`;
}
function paths_section(parent, problem) {
  const surface = problem.surface, seeds = problem.optimizers[0].runs.map(r => r.seed);
  const holder = el('div', {}, parent);
  const select = el('select', {}, el('label', {}, holder,
      'seed (the first begins at the usual place, others anywhere) '));
  for (const seed of seeds) el('option', {value: seed}, select, seed);
  const area = el('div', {}, holder);
  function draw() {
    area.replaceChildren();
    const seed = Number(select.value);
    const paths = problem.optimizers.map((one, i) => {
      const run = one.runs.find(r => r.seed === seed);
      return {name: one.label, colour: colour(i), points: run && run.path ? run.path : []};
    });
    const clock = timer(area, Math.max(1, ...paths.map(p => p.points.length - 1)));
    const f = field(surface.domain, surface.side, surface.values), pair = row(area);
    contour(pair, problem.label + ': ' + surface.formula, f, paths, surface.minima, clock);
    space(pair, problem.label, f, paths, clock);
    const legend = el('div', {class: 'legend'}, area);
    for (const path of paths) {
      const item = el('span', {class: 'item'}, legend);
      el('span', {class: 'swatch', style: `background:${path.colour}`}, item);
      el('span', {}, item, path.name);
    }
  }
  select.onchange = draw;
  draw();
}
function instruments_section(parent, problem) {
  const measured = problem.optimizers.map((one, i) =>
    ({label: one.label, colour: colour(i), list: (one.runs.find(r => r.instruments) || {}).instruments || []}));
  if (!measured.some(one => one.list.length)) return;
  el('h3', {}, parent, 'Instruments, first seed');
  const line = (title, y, value, more) => {
    const series = measured.map(one => ({name: one.label, colour: one.colour, dots: true,
      points: one.list.map(m => [m.evaluations, value(m)]).filter(p => p[1] !== undefined && p[1] !== null)}));
    if (series.every(one => one.points.length === 0)) return;
    chart(box, {title, x: 'gradients', y, series, logy: false, ...more, width: 400, height: 240});
  };
  const box = row(parent);
  const sharp = measured.flatMap(one => [
    {name: one.label, colour: one.colour, dots: true, points: one.list.map(m => [m.evaluations, m.top_eigenvalues[0]])},
    {name: one.label + ': 2/η', colour: one.colour, dash: '5 4',
     points: one.list.filter(m => m.rate > 0).map(m => [m.evaluations, 2 / m.rate])}]);
  chart(box, {
      title: 'Largest eigenvalue of the Hessian (sharpness); dashed: 2/η, above which plain descent cannot stay',
              x: 'gradients', y: 'eigenvalue', series: sharp, logy: true, width: 400, height: 240});
  line('Trace of the Hessian', 'trace', m => m.trace);
  line('Norm of the gradient', 'norm', m => m.gradient_norm, {logy: true});
  line('Noise scale: batches much smaller are mostly noise', 'samples', m => m.noise_scale, {logy: true});
  line('Length of a step over length of the weights', 'ratio', m => m.update_ratio, {logy: true});
  line('Cosine between two steps', 'cosine', m => m.cosine_of_steps);
  line('Distance from the start', 'distance', m => m.distance_from_start);
  if (measured.some(one => one.list.some(m => m.relu)))
    line('ReLU units that are 0 for a whole batch', 'share of all units', m => {
      const all = (m.relu || []).reduce((sum, r) => sum + r.units, 0);
      return all ? m.relu.reduce((sum, r) => sum + r.dead, 0) / all : null;
    });
  const chooser = el('label', {}, parent, 'of '), select = el('select', {}, chooser), area = row(parent);
  measured.forEach((one, i) => { if (one.list.length) el('option', {value: i}, select, one.label); });
  const clock_box = el('div', {}, parent);
  function detail() {
    area.replaceChildren();
    clock_box.replaceChildren();
    const one = measured[Number(select.value)], names = one.list[0].layers.map(layer => layer.name);
    for (const [key, title] of [['gradient_norm', 'Norm of the gradient per layer'],
                                ['update_ratio', 'Step over weights per layer'], ['weight_norm', 'Weights per layer']])
      chart(area, {title, x: 'gradients', y: '', logy: true, width: 400, height: 240,
        series: names.slice(0, 20).map((name, k) => ({name, colour: colour(k), dots: true,
          points: one.list.map(m => [m.evaluations, m.layers[k][key]]).filter(p => p[1] !== undefined)}))});
    const holder = row(area), clock = timer(clock_box, one.list.length - 1);
    const redraw = () => {
      holder.replaceChildren();
      const m = one.list[Math.min(clock.value, one.list.length - 1)];
      const stems = m.spectrum.eigenvalues.map((v, k) => [v, m.spectrum.weights[k]]);
      chart(holder, {title: `Spectrum of the Hessian at ${m.evaluations} gradients; dashed: 2/η`, x: 'eigenvalue',
          y: 'share', logy: true, vlines: m.rate > 0 ? [2 / m.rate] : [],
        width: 400, height: 240, series: [{name: one.label, colour: one.colour, points: stems, dots: true,
            scatter: true}]});
      const bars = m.histogram.counts.map((n, k) => [10 ** (m.histogram.first_exponent + k), n]);
      chart(holder, {
          title: `Sizes of the gradient's elements (${m.histogram.zeros} are 0)`, x: 'magnitude', y: 'how many',
        logx: true, width: 400, height: 240, series: [{name: one.label, colour: one.colour, points: bars,
            step: true}]});
    };
    clock.listeners.push(redraw);
    redraw();
  }
  select.onchange = detail;
  detail();
}
function landscape_section(parent, problem) {
  const list = problem.optimizers.map((one, i) => ({one, i, map: (one.runs.find(r => r.landscape) || {}).landscape}))
    .filter(entry => entry.map);
  if (list.length === 0) return;
  el('h3', {}, parent, 'The loss around the end of the first run, in two random directions as long as the filters');
  const still = {value: 0, listeners: []};
  for (const {one, map} of list) {
    const r = map.radius, f = field([-r, r, -r, r], map.side, map.values), pair = row(parent);
    contour(pair, one.label, f, [], [[0, 0]], still);
    space(pair, one.label, f, [], still);
  }
}
// Tuning by the clock: each optimizer has as long as the one whose trials were quickest.
function equal_seconds(parent, problem, times) {
  const list = (times || []).map((time, i) => ({one: problem.optimizers[i], found: time.tuned_within_seconds}))
    .filter(({found}) => found);
  if (list.length < 2) return;
  el('p', {}, parent, 'Tuned with equal seconds instead of equal gradients ' +
      `(${show(list[0].found.seconds)} s of this machine for each):`);
  table(parent,
    ['optimizer', 'rate by gradients', 'rate by seconds', problem.measure + ' with it (mean)', '95 % interval'],
    list.map(({one, found}) => [one.label, show(one.tuning.rate), found.rate === null ? 'no trial was finished' :
        show(found.rate), show((found.final || {}).mean), found.final && found.final.interval ?
        found.final.interval.map(show).join(' … ') : '–']));
}
function problem_section(problem) {
  const box = el('section', {}, document.body);
  el('h2', {}, box, problem.label);
  el('p', {}, box,
      `${problem.parameters} parameters; ${problem.budget} gradients per run; judged by the ${problem.measure}` +
    (problem.lowest === null ? '.' : `, whose lowest value is ${show(problem.lowest)}.`));
  if (problem.surface) paths_section(box, problem);
  const names = problem.optimizers.map(one => one.label);
  const times = times_of(problem);
  table(box, ['optimizer', 'settings', problem.measure + ' (mean)', '95 % interval', 'median', 'diverged',
              `gradients to ${show(problem.target)}`, ...(times ? ['seconds to it', 'seconds per run'] : [])],
    problem.optimizers.map((one, i) => [one.label, one.text, show(one.final.mean),
      one.final.interval ? one.final.interval.map(show).join(' … ') : '–', show(one.final.median),
      `${one.diverged} of ${one.runs.length}`,
      one.evaluations_to_target.reached === 0 ? 'never'
        : `${show(one.evaluations_to_target.median)} (${one.evaluations_to_target.reached} of ` +
          `${one.evaluations_to_target.runs} runs)`,
      ...(times ? [seconds_to(times[i].seconds_to_target), show(median(times[i].seconds))] : [])]));
  const list = el('ul', {}, box);
  for (const one of problem.comparisons) el('li', {}, list, one.words + '.');
  const charts = row(box), lowest = problem.lowest === null ? 0 : problem.lowest;
  const positive = problem.optimizers.every(o => o.runs.every(r => r.test.every(v => v === null || v > 0)));
  const above = problem.measure === 'value' && isFinite(lowest);
  const test = curves(problem, 'test');
  if (above)
    for (const one of test) {
      one.points = one.points.map(([x, y]) => [x, y - lowest]);
      one.band = one.band.map(([x, p, q]) => [x, p - lowest, q - lowest]);
    }
  chart(charts, {title: `${problem.measure}${above ? ' above the lowest' : ''}: median and range of the seeds`,
                 x: 'gradients', y: problem.measure, series: test, logx: false, logy: above || positive &&
                     problem.measure === 'value'});
  if (times)
    chart(charts, {title: `${problem.measure}${above ? ' above the lowest' : ''} by the clock: medians`, x: 'seconds',
                   y: problem.measure, series: curves_by_seconds(problem, times, above ? lowest : 0), logx: false,
                   logy: above});
  if (!problem.surface)
    chart(charts, {title: 'Training loss: median and range', x: 'gradients', y: 'loss', series: curves(problem,
        'train'),
                   logx: false, logy: false});
  if (problem.optimizers.some(one => one.runs.some(r => r.accuracy)))
    chart(charts, {title: `Test ${problem.score || 'accuracy'}: median and range`, x: 'gradients', y: 'share',
                   series: curves(problem, 'accuracy'), logx: false});
  const tuned = problem.optimizers.map((one, i) => ({one, i})).filter(({one}) => one.tuning);
  if (tuned.length) {
    chart(charts, {title: `What the learning rate does: ${data.tune} trials each`, x: 'learning rate',
        y: problem.measure,
      logx: true, logy: positive, series: tuned.map(({one, i}) => ({name: one.label, colour: colour(i), dots: true,
        points: one.tuning.trials.slice().sort((p, q) => p[0] - q[0])}))});
    for (const {one} of tuned)
      if (one.tuning.at_the_edge)
        el('p', {class: 'warning'}, box,
            `The best rate of ${one.label} lies at the edge of what was tried: widen the range.`);
    equal_seconds(box, problem, times);
  }
  instruments_section(box, problem);
  landscape_section(box, problem);
}
function page() {
  if (data.question) {
    const box = el('section', {}, document.body);
    el('h2', {}, box, 'Reading');
    for (const text of data.answer) el('p', {}, box, text);
  }
  for (const figure of data.figures || []) {
    const holder = row(document.body);
    chart(holder, {...figure, series: figure.series.map((one, i) => ({colour: colour(i), ...one}))});
  }
  if (data.profile.length > 1 && data.problems.length > 1) {
    const box = el('section', {}, document.body), by_clock = timings && timings.profile ? timings.profile : null;
    el('h2', {}, box, 'Over all problems');
    el('p', {}, box,
        'Share of the problems that an optimizer brings to the target within τ times what the fastest one ' +
      'took (AlgoPerf); the score is the mean share for τ from 1 to 4.');
    const charts = row(box);
    for (const [title, profile] of [['Performance profile by gradients', data.profile],
                                    ['Performance profile by seconds', by_clock]])
      if (profile)
        chart(charts, {title, x: 'τ', y: 'share of problems', ymin: 0, ymax: 1,
          series: profile.map((one, i) => {
            const points = [[1, 0]];
            one.ratios.forEach((r, k) => { if (r <= 10) points.push([r, (k + 1) / one.problems]); });
            points.push([10, points[points.length - 1][1]]);
            return {name: one.label, colour: colour(i), points, step: true};
          })});
    table(box, ['optimizer', 'score by gradients', ...(by_clock ? ['by seconds'] : [])],
          data.profile.map((one, i) => [one.label, show(one.score), ...(by_clock ? [show(by_clock[i].score)] : [])]));
  }
  data.problems.forEach(problem_section);
  document.body.setAttribute('data-drawn', 'yes');
}
page();
)js";

}  // namespace joist::lab
