import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderIndex } from '../../../src/report/html/index-page.js';
import { renderPage } from '../../../src/report/html/page.js';
import type { Result } from '../../../src/report/result.js';
import { findBrowser, Page } from '../../support/browser.js';
import { fullResult, hostileResult, resultOfSets } from '../../support/full-result.js';
import { sampleResult } from '../../support/result.js';
import { temporaryFile } from '../../support/temporary-file.js';

const browser = findBrowser();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const reason = browser ? '' : ' (skipped: no Chromium on the PATH, nor at CHROME_PATH)';

/** What the page loaded, besides what is in it. */
const requestsOf = (page: Page): string[] =>
  page
    .events('Network.requestWillBeSent')
    .map(({ request }) => (request as { url: string }).url)
    .filter((url) => !url.startsWith('data:'));

/** In the page: the least contrast of text that is seen, against the ground behind it. */
const leastContrast = `(() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((x) => x / 255)
    .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let least = { contrast: 21, text: '' };
  while (walker.nextNode()) {
    const { parentElement, textContent } = walker.currentNode;
    if (!textContent.trim() || !parentElement.checkVisibility() || parentElement.localName === 'title') continue;
    const computed = getComputedStyle(parentElement);
    const colour = parse(parentElement.closest('svg') ? computed.fill : computed.color);
    const [low, high] = [luminance(colour), luminance(groundOf(parentElement))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < least.contrast) least = { contrast, text: textContent };
  }
  return least;
})()`;

/** In the page: the smallest text of a plot that is seen, in pixels of the screen. */
const leastPlotText = `Math.min(...[...document.querySelectorAll('svg text')].filter((text) => text.checkVisibility())
  .map((text) => Number.parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))`;

/** In the page: for each plot that is seen, its size, and how many of its marks have an extent within it. */
const plotMarks = `[...document.querySelectorAll('svg.plot')].filter((plot) => plot.checkVisibility()).map((plot) => {
  const frame = plot.getBoundingClientRect();
  const seen = [...plot.querySelectorAll('.mark > *')].filter((mark) => {
    const { width, height, left, right, top, bottom } = mark.getBoundingClientRect();
    const isInside = left >= frame.left - 1 && right <= frame.right + 1 && top >= frame.top - 1 && bottom <= frame.bottom + 1;
    return isInside && width + height > 1 && getComputedStyle(mark).fill + getComputedStyle(mark).stroke !== 'nonenone';
  });
  return { width: frame.width, marks: seen.length, all: plot.querySelectorAll('.mark > *').length };
})`;

/** In the page: cells whose text is wider than they are. */
const textBeyondCells = `[...document.querySelectorAll('td, th')].filter((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const frame = cell.getBoundingClientRect();
  return frame.width > 1 && [...range.getClientRects()].some(({ right }) => right > frame.right + 1);
}).map((cell) => cell.textContent)`;

describe.skipIf(!browser)(`the page in a browser${reason}`, () => {
  let page: Page;
  beforeAll(async () => {
    page = await Page.open(browser ?? '');
  });
  afterAll(() => page.close());

  const open = (result: Result) =>
    page.load(pathToFileURL(temporaryFile('report.html', renderPage(result))).href);

  it('opens without a message on the console and without a request', async () => {
    await open(fullResult());
    expect(await page.evaluate('document.querySelectorAll("main > section").length')).toBe(12);
    expect(page.events('Log.entryAdded')).toEqual([]);
    expect(page.events('Runtime.consoleAPICalled')).toEqual([]);
    expect(page.events('Runtime.exceptionThrown')).toEqual([]);
    expect(requestsOf(page).map((url) => new URL(url).protocol)).toEqual(['file:']);
    // Its own style sheet is let in by the policy, and its pictures are drawn.
    expect(await page.evaluate('getComputedStyle(document.querySelector(".cards")).display')).toBe('grid');
    expect(await page.evaluate('document.querySelector("#mistakes img").naturalWidth')).toBe(1);
  });

  it.each([
    ['light', 1100],
    ['dark', 1100],
    ['light', 390],
    ['dark', 390],
  ] as const)(
    'in %s, %d pixels wide: it fits, can be read, and every plot has its marks',
    async (scheme, width) => {
      await open(fullResult());
      await page.show(scheme, width, 900);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const { contrast, text } = await page.evaluate<{ contrast: number; text: string }>(leastContrast);
      expect(contrast, text).toBeGreaterThanOrEqual(4.5);
      const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(ground).toBe(scheme === 'light' ? 'rgb(247, 247, 245)' : 'rgb(19, 22, 27)');
      const plots = await page.evaluate<{ width: number; marks: number; all: number }[]>(plotMarks);
      // Size, speed, drift in the one width that fits, and two histograms.
      expect(plots.length).toBe(5);
      for (const { marks, all } of plots) expect(marks).toBe(all);
    },
  );

  it.each([320, 360, 390, 520, 700, 960, 1280])(
    '%d pixels wide, text of plots has 11 pixels',
    async (width) => {
      await open(fullResult());
      await page.show('light', width, 900);
      expect(await page.evaluate<number>(leastPlotText)).toBeGreaterThanOrEqual(11);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    },
  );

  it.each([
    ['light', 1280, fullResult],
    ['dark', 390, fullResult],
    ['light', 390, resultOfSets],
  ] as const)('axe finds nothing in %s, %d pixels wide', async (scheme, width, result) => {
    await open(result());
    await page.show(scheme, width, 900);
    await page.evaluate('document.querySelectorAll("details").forEach((each) => { each.open = true; })');
    await page.evaluate(axe);
    const found = await page.evaluate<{ id: string; html: string[] }[]>(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, html: nodes.map(({ html }) => html) })))',
    );
    expect(found).toEqual([]);
  });

  it('no text of a cell runs into the next one, on a phone', async () => {
    const verdict = { verdict: 'passed', text: 'all of two models passed' } as const;
    const entries = [fullResult(), sampleResult()].map((result) => ({ result, page: 'a.html' }));
    await page.load(pathToFileURL(temporaryFile('index.html', renderIndex(entries, verdict))).href);
    await page.show('light', 390, 900);
    const beyond = await page.evaluate<string[]>(textBeyondCells);
    expect(beyond).toEqual([]);
    await open(fullResult());
    expect(await page.evaluate<string[]>(textBeyondCells)).toEqual([]);
  });

  it('tables are sorted and searched, and a layer of the network tells its numbers', async () => {
    await open(fullResult());
    await page.show('light', 1280, 900);
    const ids = `[...document.querySelectorAll('#drift .sorts')[0].tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[1].textContent)`;
    await page.evaluate(
      `[...document.querySelectorAll('#drift th button')].find(({ textContent }) => textContent === 'accumulated').click()`,
    );
    expect(await page.evaluate(ids)).toEqual(['conv2_out', 'conv1_out', 'fc_out']);
    await page.evaluate(
      `{ const search = document.querySelector('#drift input'); search.value = 'CONV1'; search.dispatchEvent(new Event('input')); }`,
    );
    expect(await page.evaluate(ids)).toEqual(['conv1_out']);
    await page.evaluate(`document.querySelector('svg.wide .node').focus()`);
    const key = { key: 'ArrowRight', windowsVirtualKeyCode: 39 };
    for (const type of ['keyDown', 'keyUp']) await page.send('Input.dispatchKeyEvent', { type, ...key });
    expect(await page.evaluate(`document.querySelector('.tip').textContent`)).toMatch(/^#1 conv1_out: Conv/);
    expect(page.events('Runtime.exceptionThrown')).toEqual([]);
  });

  it('without its script all is there', async () => {
    await page.send('Emulation.setScriptExecutionDisabled', { value: true });
    await open(fullResult());
    await page.send('Emulation.setScriptExecutionDisabled', { value: false });
    expect(await page.evaluate('document.querySelectorAll(".tools, th button").length')).toBe(0);
    expect(await page.evaluate('document.querySelectorAll("#drift .sorts tbody tr").length')).toBe(6);
  });

  it('on paper: light, and what is folded up on a screen is there', async () => {
    await open(fullResult());
    await page.show('dark', 1100, 900);
    await page.send('Emulation.setEmulatedMedia', { media: 'print' });
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    const { contrast, text } = await page.evaluate<{ contrast: number; text: string }>(leastContrast);
    expect(contrast, text).toBeGreaterThanOrEqual(4.5);
    expect(
      await page.evaluate('document.querySelector("#drift details table").offsetHeight'),
    ).toBeGreaterThan(40);
    // Chromium prints a head again on the next page where nothing in it is a box that cannot be broken.
    const isPlain = 'getComputedStyle(document.querySelector("#drift thead button")).display';
    expect(await page.evaluate(isPlain)).toBe('contents');
    const { data } = await page.send<{ data: string }>('Page.printToPDF', { preferCSSPageSize: true });
    expect(Buffer.from(data, 'base64').subarray(0, 5).toString()).toBe('%PDF-');
  });

  it('names that would break out of the page do not', async () => {
    await open(hostileResult('</title></style><img src=http://127.0.0.1:9/x onerror=alert(1)>'));
    await page.show('light', 390, 900);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(page.events('Log.entryAdded')).toEqual([]);
    expect(requestsOf(page).length).toBe(1);
  });
});
