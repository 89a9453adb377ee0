// The page in Chromium: node page_test.mjs SINGLE_FILE_URL SITE_URL EXPECTED.json DOWNLOADS
// EXPECTED: {ids: [...], twins: [row, row], noisy: {seed, halpha: [...]}}; every check counts, the first failure ends it.
import assert from 'node:assert';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { launch, open } from './browser.mjs';
import { fromHash } from '../../web/src/address.js';

const [, , single, site, expectedPath, downloads] = process.argv;
const expected = JSON.parse(fs.readFileSync(expectedPath));
const axe = fs.readFileSync(createRequire(new URL('../../web/package.json', import.meta.url)).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await launch(), n = expected.ids.length;
let checks = 0;
const check = (condition, what) => { assert(condition, what); ++checks; };
const same = (a, b, what) => { assert.deepStrictEqual(a, b, what); ++checks; };
const quiet = ({ problems }, what) => same(problems, [], what);

const spot = (page, i) => page.evaluate((j) => {
  const { map } = window.starglow, box = document.getElementById('map').getBoundingClientRect(), [x, y] = map.toScreen(map.x[j], map.y[j]);
  return [x + box.left, y + box.top];
}, i);
const text = (page, id) => page.locator(`#${id}`).textContent();
const settle = (page) => page.waitForTimeout(60);
/** A galaxy that is alone on the screen, in the middle of the map. */
const lonely = (page) => page.evaluate(() => {
  const { map } = window.starglow;
  for (let i = 0; i < map.n; ++i) {
    const [x, y] = map.toScreen(map.x[i], map.y[i]);
    if (!(x > 90 && x < map.width - 90 && y > 60 && y < map.height - 90)) continue;
    const [j] = map.grid.neighbours(i, 1), [u, v] = map.toScreen(map.x[j], map.y[j]);
    if (Math.hypot(u - x, v - y) > 5) return i;
  }
  return -1;
});
async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  same(violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.map((n) => n.target + ' ' + n.failureSummary).slice(0, 3).join(' | ')}`), [], `axe: ${what}`);
}

// --- one file, from disk
const one = await open(browser, single);
{
  const { page } = one;
  same(await page.getAttribute('html', 'data-ready'), 'true');
  same(await page.evaluate(() => [typeof window.hacked, document.querySelectorAll('img').length]), ['undefined', 0], 'hostile names are text');
  same(await page.evaluate(() => window.starglow.galaxies.n), n);

  // hover, lock, step, let go
  const i = await lonely(page);
  check(i >= 0, 'a galaxy stands alone');
  await page.mouse.move(...await spot(page, i));
  await settle(page);
  same(await text(page, 'name'), expected.ids[i], 'hover shows the galaxy under the pointer');
  same(await page.isVisible('#try'), false, 'no marks to move without a spectrum');
  check((await text(page, 'live')).includes(expected.ids[i]), 'and says so');
  await page.mouse.click(...await spot(page, i));
  await page.mouse.move(20, 300);
  await settle(page);
  same(await page.evaluate(() => window.starglow.map.locked), i, 'a click keeps it');
  same(await text(page, 'name'), expected.ids[i]);
  await page.locator('#map').focus();
  await page.keyboard.press('ArrowRight');
  await settle(page);
  const stepped = await page.evaluate(() => window.starglow.map.locked);
  check(stepped !== i && stepped >= 0, 'an arrow steps to a neighbour');
  const [[x0], [x1]] = [await spot(page, i), await spot(page, stepped)];
  check(x1 > x0, 'to the right');
  await page.keyboard.press('Escape');
  same(await page.evaluate(() => window.starglow.map.locked), -1, 'Escape lets go');

  // two ids that differ by 4, and the borders of what a number can hold
  const seen = [];
  for (const row of expected.twins) {
    await page.fill('#find', expected.ids[row]);
    await page.press('#find', 'Enter');
    await settle(page);
    same(await text(page, 'name'), expected.ids[row]);
    same(await page.evaluate(() => window.starglow.panel.row.i), row, `search finds row ${row}`);
    seen.push(await page.evaluate(() => [...window.starglow.panel.row.bands].join()));
  }
  check(new Set(seen).size === seen.length, 'each id has its own light');
  await page.fill('#find', '12345678901234567890123');
  await page.press('#find', 'Enter');
  check((await text(page, 'live')).startsWith('No galaxy 12345678901234567890123'), 'an id that no 64 bits hold');
  await page.evaluate(() => window.starglow.lock(-1));

  // lasso and box: shift adds, alt removes
  const box = await page.locator('#map').boundingBox();
  const drag = async (points) => {
    await page.mouse.move(...points[0]);
    await page.mouse.down();
    for (const p of points.slice(1)) await page.mouse.move(...p, { steps: 3 });
    await page.mouse.up();
    await settle(page);
  };
  const whole = [[box.x + 6, box.y + 6], [box.x + box.width - 60, box.y + 6], [box.x + box.width - 60, box.y + box.height - 8], [box.x + 6, box.y + box.height - 8]];
  const inside = (x0, y0, x1, y1) => page.evaluate(([a, b, c, d]) => {
    const { map } = window.starglow, r = document.getElementById('map').getBoundingClientRect();
    let n = 0;
    for (let k = 0; k < map.n; ++k) { const [x, y] = map.toScreen(map.x[k], map.y[k]); if (x + r.left > a && x + r.left < c && y + r.top > b && y + r.top < d) ++n; }
    return n;
  }, [x0, y0, x1, y1]);
  await page.keyboard.press('l');
  await page.click('button[data-tool=lasso]');
  await drag(whole);
  const count = () => page.evaluate(() => window.starglow.selection.count);
  same(await count(), await inside(...whole[0], ...whole[2]), 'the lasso takes what it surrounds');
  await page.click('button[data-tool=box]');
  const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2], all = await count();
  await page.keyboard.down('Alt');
  await drag([[box.x + 4, box.y + 4], [cx, cy]]);
  await page.keyboard.up('Alt');
  const rest = await count();
  same(all - rest, await inside(box.x + 6, box.y + 6, cx, cy), 'alt removes');
  await page.keyboard.down('Shift');
  await drag([[box.x + 6, box.y + 6], [cx, cy]]);
  await page.keyboard.up('Shift');
  same(await count(), all, 'shift adds');
  await page.click('button[data-tool=lasso]');
  await drag(Array.from({ length: 240 }, (_, k) => [cx + 0.31 * box.width * Math.cos(k / 38.2) * (1 + 0.1 * Math.sin(k / 5)), cy + 0.37 * box.height * Math.sin(k / 38.2)]));
  const drawn = await count();
  check(drawn > 20 && drawn < n, 'a lasso by hand');
  await page.waitForTimeout(200);
  const shared = await open(browser, single + await page.evaluate(() => location.hash));
  same(await shared.page.evaluate(() => [window.starglow.selection.count, ...window.starglow.selection.marks]), await page.evaluate(() => [window.starglow.selection.count, ...window.starglow.selection.marks]), 'the address selects the very same galaxies');
  await shared.context.close();
  await page.click('button[data-tool=pan]');

  // brushes: what lies under the box is selected; ctrl keeps what is in both; the edges of a histogram take all beyond
  await page.click('#clear');
  const chart = async (id, [x0, y0], [x1, y1]) => {
    const b = await page.locator(`#${id}`).boundingBox(), at = ([u, v]) => [b.x + u * b.width, b.y + v * b.height];
    await drag([at([x0, y0]), at([(x0 + x1) / 2, (y0 + y1) / 2]), at([x1, y1])]);
  };
  const last = () => page.evaluate(() => window.starglow.selection.steps.at(-1));
  const having = (name, [low, high]) => page.evaluate(([c, a, b]) => window.starglow.galaxies.column(c).then((v) => v.reduce((k, w) => k + (w >= a && w <= b ? 1 : 0), 0)), [name, low, high]);
  await chart('histogram2', [0.3, 0.4], [0.7, 0.6]);
  const zStep = await last(), inZ = await count();
  same([zStep.kind, zStep.key, zStep.how], ['range', 'Z', 'new']);
  check(inZ > 10 && inZ < n && inZ === await having('Z', zStep.span), 'a brush of the histogram of z');
  same(await page.evaluate(() => window.starglow.map.look.selecting), true, 'and the map shows it');
  await page.keyboard.down('Control');
  await chart('histogram', [0.5, 0.4], [0.99, 0.6]);
  await page.keyboard.up('Control');
  const haStep = await last();
  same([haStep.key, haStep.how], ['HALPHA', 'within']);
  check(haStep.span[0] > 0 && haStep.span[1] === Infinity || haStep.span[1] > haStep.span[0], 'its ends');
  const both = await page.evaluate(async ([a, b]) => { const g = window.starglow.galaxies, [z, h] = [await g.column('Z'), await g.column('HALPHA_EW')]; return z.reduce((k, v, j) => k + (v >= a[0] && v <= a[1] && h[j] >= b[0] && h[j] <= (b[1] ?? Infinity) ? 1 : 0), 0); }, [zStep.span, haStep.span]);
  check(both < inZ, 'fewer are in both');
  same(await count(), both, 'ctrl keeps what is in both');
  await chart('bpt', [0.3, 0.2], [0.6, 0.7]);
  const box4 = await last(), inBox = await count();
  same(inBox, await page.evaluate(([a, b, c, d]) => { const { x, y } = window.starglow.ratios.points; return x.reduce((k, v, j) => k + (v >= a && v <= b && y[j] >= c && y[j] <= d ? 1 : 0), 0); }, box4.span), 'a box in the diagram of ratios');
  check(inBox > 10, 'it holds some');
  await page.selectOption('#second', { label: expected.hostile[0] });
  await settle(page);
  await chart('histogram2', [0.1, 0.4], [0.4, 0.6]);
  const odd = await count();
  check(odd > 10 && odd < n, 'a brush of a column with a hostile name');
  await page.waitForTimeout(200);
  const brushed = await open(browser, single + await page.evaluate(() => location.hash));
  same(await brushed.page.evaluate(() => [window.starglow.selection.count, window.starglow.second.quantity.label]), [odd, expected.hostile[0]], 'the address brings a brush back');
  await brushed.page.evaluate(() => { location.hash = ''; });
  quiet(brushed, 'brushed page');
  await brushed.context.close();
  await page.selectOption('#second', 'Z');

  // colour thirds and filters
  await page.click('#red');
  await settle(page);
  const red = await count();
  check(Math.abs(red - n / 3) < 0.02 * n + 2, 'the red third is a third');
  check(await page.evaluate(() => { const { marks } = window.starglow.selection; return marks.every((m) => m === 0 || m === 1); }), 'marks');
  await page.fill('#filter', 'HALPHA_EW_PREDICTED > 10 and not (Z > 0.2)');
  await page.press('#filter', 'Enter');
  await settle(page);
  same(await count(), await page.evaluate(async () => { const g = window.starglow.galaxies, [h, z] = [await g.column('HALPHA_EW_PREDICTED'), await g.column('Z')]; return h.reduce((k, v, j) => k + (v > 10 && !(z[j] > 0.2) ? 1 : 0), 0); }), 'the filter');
  for (const [bad, why] of [['NO_SUCH > 1', 'no column'], ['Z >', 'ends'], ['alert(1)', "'('"], ['Z > 1 )', 'and, or or the end'], ['('.repeat(60), 'nested']]) {
    await page.fill('#filter', bad);
    await page.press('#filter', 'Enter');
    await settle(page);
    check((await text(page, 'live')).includes(why), `${bad}: ${await text(page, 'live')}`);
  }

  // the three states over the same points; noise is that of the command line
  await page.click('#clear');
  for (const state of ['predicted', 'noisy']) {
    await page.click(`[data-state=${state}]`);
    await page.waitForSelector(`[data-state=${state}][aria-checked=true]`);
    await settle(page);
  }
  check(await page.evaluate(() => window.starglow.map.look.mixing < 1), 'a transition runs');
  await page.waitForTimeout(900);
  same(await page.evaluate(() => window.starglow.map.look.mixing), 1);
  await page.click('#new-noise');
  await page.waitForSelector('#new-noise[data-seed="2"]');
  const noisy = await page.evaluate(() => [...window.starglow.galaxies.noise.get(2)[6]]);
  const wrong = noisy.filter((v, k) => Math.abs(v - expected.noisy.halpha[k]) > 2e-3 * (1 + Math.abs(expected.noisy.halpha[k]))).length;
  same([expected.noisy.seed, wrong], [2, 0], 'new noise is predict --noise --seed 2');

  // stacked: all, then the red ones; a galaxy under the pointer stands in front of it
  await page.evaluate(() => { window.starglow.lock(-1); window.starglow.setMode('predicted'); });
  await page.mouse.move(300, 5);
  await page.keyboard.press('s');
  await page.waitForSelector('#galaxy.stack:not([hidden])');
  same(await text(page, 'name'), `Median of ${n} galaxies`);
  const stack = await page.evaluate(() => { const { bands, ew, low, high, prediction: p } = window.starglow.panel.stack; return { bands: [...bands], halpha: [low[6], ew[6], high[6]], predicted: [p.p16[6], p.ew[6], p.p84[6]] }; });
  for (const key of ['bands', 'halpha', 'predicted']) stack[key].forEach((v, k) => check(Math.abs(v - expected.stack[key][k]) <= 2e-6 * Math.abs(expected.stack[key][k]), `stack: ${key} ${v} is ${expected.stack[key][k]}`));
  await page.click('#red');
  await page.waitForFunction((all) => window.starglow.panel.stack.n < all, n);
  same(await text(page, 'name'), `Median of ${await count()} galaxies`);
  check((await text(page, 'live')).includes('as one'), 'and says so');
  check(await page.evaluate(([a, b]) => { const { stack } = window.starglow.panel; return stack.bands[0] / stack.bands[11] < a / b; }, [stack.bands[0], stack.bands[11]]), 'red galaxies are red');
  await accessible(page, 'stack');
  await page.mouse.move(...await spot(page, i));
  await page.waitForFunction((id) => document.getElementById('name').textContent === id, expected.ids[i]);
  same(await page.isVisible('#lock'), true);
  await page.mouse.move(300, 5);
  await page.waitForSelector('#galaxy.stack');
  const reds = await page.evaluate(() => [...window.starglow.panel.stack.prediction.p84]);
  await page.keyboard.press('3');
  await page.waitForFunction((was) => window.starglow.panel.stack.prediction.p84[6] > was, reds[6]);
  check((await text(page, 'key')).includes('predicted + noise'), 'noise widens the spread');
  await page.waitForTimeout(200);
  const stackedPage = await open(browser, single + await page.evaluate(() => location.hash));
  await stackedPage.page.waitForSelector('#galaxy.stack:not([hidden])');
  same(await text(stackedPage.page, 'name'), await text(page, 'name'), 'the address brings a stack back');
  quiet(stackedPage, 'stacked page');
  await stackedPage.context.close();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Escape');
  same(await page.evaluate(() => [window.starglow.stacking, document.getElementById('empty').hidden]), [false, false], 'Escape puts the stack away');
  await page.click('#clear');

  // colour by a column with a hostile name; the bar shows what it cuts
  await page.selectOption('#colour', { label: expected.hostile[0] });
  await settle(page);
  same(await page.evaluate(() => window.starglow.quantity.label), expected.hostile[0]);
  await page.selectOption('#colour', 'HALPHA');
  await settle(page);
  check(await page.evaluate(() => window.starglow.above > 0), 'some lie above the bar');
  await page.fill('#high', '5');
  await page.press('#high', 'Tab');
  await settle(page);
  same(await page.evaluate(() => window.starglow.high), 5);
  // zero stays in the middle of a diverging bar; classes have their own bar, colours and shapes
  await page.selectOption('#colour', 'residual.HALPHA');
  await settle(page);
  await page.fill('#low', '-7');
  await page.press('#low', 'Tab');
  await settle(page);
  same(await page.evaluate(() => [window.starglow.low, window.starglow.high, document.getElementById('scale').options[2].disabled]), [-7, 7, true], 'the other end follows');
  await page.selectOption('#colour', 'bpt');
  await settle(page);
  same(await page.evaluate(() => [window.starglow.map.look.classes, document.getElementById('low').disabled]), [true, true]);
  same(await page.evaluate(() => {
    const canvas = document.getElementById('colourbar'), r = canvas.width / canvas.getBoundingClientRect().width, { data } = canvas.getContext('2d').getImageData(Math.round(22 * r), Math.round(22 * r), Math.round(100 * r) * 2, 1), seen = new Set();
    for (let k = 0; k < data.length; k += 4) seen.add(data.slice(k, k + 3).join());
    return seen.size;
  }), 3, 'three classes, three colours');
  await page.selectOption('#colour', 'HALPHA');
  await page.fill('#high', '5');
  await page.press('#high', 'Tab');
  await settle(page);

  // a palette of one's own
  await page.selectOption('#palette', 'own');
  await page.fill('#own', '#000000, #ff8000');
  await page.press('#own', 'Tab');
  await settle(page);
  const ends = () => page.evaluate(() => [...window.starglow.table.slice(0, 3), ...window.starglow.table.slice(-3)]);
  same(await ends(), [0, 0, 0, 255, 128, 0], 'the colours given');
  await page.fill('#own', 'url(evil)');
  await page.press('#own', 'Tab');
  check((await text(page, 'live')).includes('sixteen colours'), 'what is no palette is refused');
  same([await page.getAttribute('#own', 'aria-invalid'), ...(await ends())], ['true', 0, 0, 0, 255, 128, 0]);
  await page.fill('#own', '000000 ff8000');
  await page.press('#own', 'Tab');
  await page.waitForTimeout(200);
  const coloured = await open(browser, single + await page.evaluate(() => location.hash));
  same(await coloured.page.evaluate(() => [...window.starglow.table.slice(-3), document.getElementById('own').hidden]), [255, 128, 0, false], 'the address holds it');
  await coloured.context.close();
  await page.selectOption('#palette', 'cividis');
  same(await page.isVisible('#own'), false);

  // play: keyboard and pointer
  await page.fill('#find', expected.ids[i]);
  await page.press('#find', 'Enter');
  await page.click('#play');
  await settle(page);
  const ew = () => page.evaluate(() => window.starglow.panel.played.ew[6]);
  const before = await ew(), stored = await page.evaluate(() => window.starglow.panel.row.predicted[6]);
  check(Math.abs(before - stored) <= 1e-3 * Math.max(0.3, stored), 'play begins where the table is');
  const slider = page.getByRole('slider', { name: 'band 3400 to 3700' });
  await slider.focus();
  for (let k = 0; k < 10; ++k) await page.keyboard.press('ArrowUp');
  await settle(page);
  const bluer = await ew();
  check(bluer > before, 'more blue light, more Halpha');
  const handle = await slider.boundingBox();
  await page.mouse.move(handle.x + 9, handle.y + 9);
  await page.mouse.down();
  await page.mouse.move(handle.x + 9, handle.y + 49, { steps: 8 });
  await page.mouse.up();
  await settle(page);
  check((await ew()) < bluer, 'dragging down takes it away');
  check(await page.evaluate(() => window.starglow.ratios.now.cloud.length > 50), 'the draws stand in the diagram');
  await page.click('#play-reset');
  await settle(page);
  check(Math.abs((await ew()) - before) < 1e-9, 'reset');
  await page.keyboard.press('Escape');

  // export: ids unharmed (read back by the caller), and the way back
  await page.fill('#filter', 'Z > 0');
  await page.press('#filter', 'Enter');
  await settle(page);
  await page.evaluate(() => window.starglow.lock(4));
  await settle(page);
  await page.fill('#note', 'odd, "red"\nand <b>blue</b>');
  await page.evaluate(() => window.starglow.lock(2));
  await settle(page);
  same(await page.inputValue('#note'), '', 'a note belongs to its galaxy');
  await page.fill('#filter', 'NOTED and Z > 0');
  await page.press('#filter', 'Enter');
  await settle(page);
  same(await page.evaluate(() => [...window.starglow.selection.marks].indexOf(1)), 4, 'galaxies with a note are found');
  await page.evaluate(() => { window.starglow.lock(4); window.starglow.select({ kind: 'filter', text: 'Z > 0' }).then(() => document.getElementById('export-open').click()); });
  await page.waitForSelector('#export[open]');
  check((await text(page, 'command')).includes('starglow explore'), 'the command');
  same(fromHash((await text(page, 'command')).split('address: ')[1]), { ...fromHash(await page.evaluate(() => location.hash)), id: expected.ids[4] }, 'with the address of now');
  for (const kind of ['csv', 'ecsv', 'fits', 'png', 'svg']) {
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(`[data-export=${kind}]`)]);
    await file.saveAs(`${downloads}/selection.${kind}`);
  }
  const png = await page.evaluate(async (bytes) => {
    const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))])), canvas = document.createElement('canvas');
    Object.assign(canvas, { width: picture.width, height: picture.height });
    const g = canvas.getContext('2d', { willReadFrequently: true }), r = picture.width / window.starglow.map.width;
    g.drawImage(picture, 0, 0);
    const at = (x, y) => [...g.getImageData(Math.round(x * r), Math.round(y * r), 1, 1).data].join(), { height } = window.starglow.map;
    return { width: picture.width, ground: at(2, 2), bar: new Set(Array.from({ length: 25 }, (_, k) => at(56 + 10 * k, height - 34))).size };
  }, fs.readFileSync(`${downloads}/selection.png`).toString('base64'));
  check(png.width >= 2800 && png.ground.endsWith(',255') && png.bar > 20, `a picture with ground and colour bar: ${JSON.stringify(png)}`);
  same(await page.evaluate((svg) => {
    const made = new DOMParser().parseFromString(svg, 'image/svg+xml'), words = [...made.querySelectorAll('text')].map((t) => t.textContent);
    return [made.querySelector('parsererror') === null, made.querySelectorAll('path').length, words.includes(window.starglow.label), words.includes(window.starglow.counted)];
  }, fs.readFileSync(`${downloads}/selection.svg`, 'utf8')), [true, await page.evaluate(() => (window.starglow.below > 0) + (window.starglow.above > 0)), true, true], 'an SVG that is one, with a triangle where values are cut');
  await accessible(page, 'export');
  await page.keyboard.press('Escape');
  await page.click('#table-open');
  // the table: a page at a time, sorted by a column, the order of ids not that of numbers with 53 bits
  const firstColumn = () => page.locator('#table tbody td:first-child').allTextContents();
  same(await firstColumn(), expected.ids.slice(0, 100), 'the table');
  await page.click('#table-after');
  same([await firstColumn(), await text(page, 'table-page')], [expected.ids.slice(100, 200), `101 to 200 of ${n}`]);
  await page.click('#table th button >> nth=0');
  const ascending = [...expected.ids].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  same([await firstColumn(), await page.locator('#table th[aria-sort]').getAttribute('aria-sort')], [ascending.slice(0, 100), 'ascending'], 'by TARGETID');
  await page.click('#table th button >> nth=0');
  same(await firstColumn(), [...ascending].reverse().slice(0, 100), 'and back');
  await page.getByRole('button', { name: 'sort by Hα (Å) measured' }).click();
  const strongest = await page.evaluate(() => window.starglow.galaxies.column('HALPHA_EW').then((v) => window.starglow.galaxies.id(v.indexOf(v.reduce((a, b) => (b > a ? b : a), -Infinity)))));
  same((await firstColumn())[0], strongest, 'by a line, the strongest first');
  await accessible(page, 'table');
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await accessible(page, 'about');
  await page.keyboard.press('Escape');

  // accessible in both themes
  await accessible(page, 'light');
  await page.click('#theme');
  await page.waitForTimeout(100);
  await accessible(page, 'dark');

  // a keyboard walk reaches everything
  await page.evaluate(() => document.activeElement.blur());
  const reached = new Set();
  for (let k = 0; k < 70; ++k) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.dataset.tool || document.activeElement.dataset.state || document.activeElement.className));
  }
  for (const id of ['find', 'table-open', 'export-open', 'about-open', 'theme', 'noisy', 'colour', 'scale', 'low', 'high', 'palette', 'second', 'pan', 'blue', 'red', 'filter', 'clear', 'stack', 'map', 'zoom-in', 'lock', 'play', 'rest', 'note']) check(reached.has(id), `Tab reaches ${id}: ${[...reached]}`);

  // the address holds the view
  await page.waitForTimeout(200);
  const hash = await page.evaluate(() => location.hash), wanted = await page.evaluate(() => ({ count: window.starglow.selection.count, mode: window.starglow.state.mode, seed: window.starglow.state.seed, locked: window.starglow.map.locked, high: window.starglow.high }));
  const again = await open(browser, single + hash);
  same(await again.page.evaluate(() => ({ count: window.starglow.selection.count, mode: window.starglow.state.mode, seed: window.starglow.state.seed, locked: window.starglow.map.locked, high: window.starglow.high })), wanted, 'the address brings it back');
  await again.page.evaluate(() => { window.before = true; location.hash = '#state=predicted&colour=OIII_5007'; });
  await again.page.waitForFunction(() => !window.before && document.documentElement.dataset.ready);
  same(await again.page.evaluate(() => [window.starglow.state.mode, window.starglow.quantity.key]), ['predicted', 'OIII_5007'], 'so does one that is pasted over it');
  quiet(again, 'second page');
  await again.context.close();

  // the policy refuses what nobody meant to run
  same(await page.evaluate(() => window.refused), [], 'nothing was refused so far');
  quiet(one, 'no complaint');
  await page.evaluate(() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s); });
  same(await page.evaluate(() => [typeof window.hacked, window.refused.length]), ['undefined', 1], 'an inline script is refused');
  await one.context.close();
}

// --- phone
{
  const phone = await open(browser, single, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
  check(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out on a phone');
  same(await phone.page.getAttribute('html', 'data-theme'), 'dark', 'the theme of the system');
  await phone.page.evaluate(() => window.starglow.lock(3));
  await settle(phone.page);
  check(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nor with a galaxy');
  await accessible(phone.page, 'phone');
  quiet(phone, 'phone');
  await phone.context.close();
}

// --- the server: spectra by ranges, once each
{
  const served = await open(browser, site, { reducedMotion: 'reduce' });
  const { page } = served, bytes = () => page.evaluate(() => window.starglow.galaxies.source.transferred);
  const start = await bytes();
  // a column of the table is fetched when it is asked for, once
  same(await page.evaluate((name) => window.starglow.galaxies.column(`column:${name}`).then((v) => [...v.slice(0, 4)]), expected.hostile[1]), [0, 2, 4, 6], 'a column of the table');
  const byColumn = (await bytes()) - start;
  check(byColumn === 2 * n || byColumn === 4 * n, `its own bytes alone: ${byColumn}`);
  await page.evaluate((name) => window.starglow.galaxies.column(`column:${name}`), expected.hostile[1]);
  same((await bytes()) - start, byColumn, 'once');
  await page.evaluate(() => window.starglow.panel.show(5));
  await settle(page);
  const first = (await bytes()) - start - byColumn;
  check(first > 1000 && first <= 40000, `a hover fetches ${first} bytes`);
  check(await page.evaluate(() => window.starglow.panel.measuredSpectrum.wave.length > 1000), 'a measured spectrum is shown');
  await page.evaluate(() => window.starglow.panel.show(6).then(() => window.starglow.panel.show(5)));
  await settle(page);
  same((await bytes()) - start - byColumn, 2 * first, 'one seen before fetches nothing');
  const peak = await page.evaluate(() => { const s = window.starglow.panel.measuredSpectrum; let at = 0; for (let k = 1; k < s.flux.length; ++k) if (s.flux[k] > s.flux[at]) at = k; return s.wave[at]; });
  check(Math.abs(peak - 6564.6) < 2, `the line stands at rest: ${peak}`);
  check(await page.evaluate(() => { const { measuredSpectrum: s, spectrum } = window.starglow.panel; return spectrum.plots[0].scales.y.max >= Math.max(...s.flux.filter(Number.isFinite)); }), 'the plot is as high as the line');
  // another redshift tried: the marks move, on the plots too, and come back with the next galaxy
  const marked = () => page.evaluate(() => {
    const { plots, slip } = window.starglow.panel.spectrum, [main] = plots, copy = document.createElement('canvas');
    Object.assign(copy, { width: main.bbox.width, height: 4 });
    const g = copy.getContext('2d', { willReadFrequently: true });
    g.drawImage(main.ctx.canvas, -main.bbox.left, -main.bbox.top);
    return [slip, g.getImageData(0, 0, copy.width, 4).data.join()];
  });
  const [at, before] = await marked();
  await page.fill('#try-z', '0.008');
  await settle(page);
  const [tried, after] = await marked(), z = await page.evaluate(() => window.starglow.panel.row.z);
  check(at === 1 && Math.abs(tried - (1 + z + 0.008) / (1 + z)) < 1e-9 && before !== after, 'marks at the redshift that is tried');
  same(await text(page, 'try-value'), (z + 0.008).toFixed(4));
  await page.evaluate(() => window.starglow.panel.show(7).then(() => window.starglow.panel.show(5)));
  await settle(page);
  same(await marked(), [1, before], 'the next galaxy has its own');
  // a stack of measured spectra: lines meet at rest
  await page.click('#stack');
  await page.waitForSelector('#galaxy.stack:not([hidden])');
  same(await page.evaluate(() => { const { spectrum: s } = window.starglow.panel.stack; return [s.n, Math.abs(s.wave[s.flux.indexOf(Math.max(...s.flux))] - 6564.6) < 1]; }), [50, true], 'fifty spectra, one line');
  await page.click('#stack');
  await page.click('[data-state=predicted]');
  await settle(page);
  same(await page.evaluate(() => window.starglow.map.look.mixing), 1, 'no motion where none is wanted');
  same(await page.evaluate(() => window.refused), []);
  quiet(served, 'served page');
}
await browser.close();
console.log(`${checks} checks of the page`);
