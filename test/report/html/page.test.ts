import { createHash } from 'node:crypto';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { renderPage } from '../../../src/report/html/page.js';
import type { Result } from '../../../src/report/result.js';
import { fullResult, hostileResult } from '../../support/full-result.js';
import { checkMarkup } from '../../support/markup.js';
import { sampleResult, usualSpeed } from '../../support/result.js';

const parse = (result: Result) => parseHTML(renderPage(result)).document;
const textOf = (result: Result, selector: string) =>
  parse(result).querySelector(selector)?.textContent?.replace(/\s+/g, ' ').trim();

describe('the page is closed in itself', () => {
  const page = renderPage(fullResult());

  it('is well-formed', () => {
    expect(checkMarkup(page, 'html')).toContain('svg');
  });

  it('lets a browser load its own style sheet, its own script and pictures in it, and nothing else', () => {
    const { document } = parseHTML(page);
    const policy = document
      .querySelector('meta[http-equiv="Content-Security-Policy"]')
      ?.getAttribute('content');
    const css = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(css).digest('base64');
    const code = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '';
    const codeHash = createHash('sha256').update(code).digest('base64');
    expect(policy?.split('; ')).toEqual([
      "default-src 'none'",
      `style-src 'sha256-${hash}'`,
      `script-src 'sha256-${codeHash}'`,
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
    ]);
    // The policy comes before all that it is for.
    expect(page.indexOf('Content-Security-Policy')).toBeLessThan(page.indexOf('<style>'));
    expect(page.match(/<style/g)?.length).toBe(1);
    expect(document.querySelectorAll('script').length).toBe(1);
    // What the script shows it sets as text.
    expect(code).not.toMatch(/innerHTML|outerHTML|insertAdjacent|eval|Function|fetch|import/);
    expect(document.querySelectorAll('iframe, object, embed, form, a[href]').length).toBe(0);
    for (const element of document.querySelectorAll('*')) {
      for (const { name } of element.attributes) expect(name).not.toMatch(/^(on|style$)/);
    }
    for (const element of document.querySelectorAll('[src], [href]')) {
      expect(element.getAttribute('src') ?? element.getAttribute('href')).toMatch(/^data:/);
    }
    // The names of SVG are no addresses.
    expect(page.replace(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(/https?:|\/\/[a-z]|url\(|@import/i);
  });
});

describe('what was learned', () => {
  const learned = (count: number, unit = 1): Result => {
    const losses = [9, 4, 2, 1.5].map((loss) => loss * unit);
    const block = { id: 'conv<1>', before: 0.2, after: 0.05, losses };
    const blocks = [
      ...Array.from({ length: count }, () => block),
      { id: 'b', before: 1, after: 0.5 },
      { id: 'c', left: 'why' },
    ];
    const record = { name: 'reconstruct', settings: { steps: 200 }, judge: 'float' as const, samples: 256 };
    const judged = { heldBack: 64, before: 0.2, after: 0.1, kept: true, blocks };
    return { ...sampleResult(), refinements: [{ ...record, ...judged }] };
  };

  it('is a curve for each block', () => {
    const document = parse(learned(2));
    expect(document.querySelectorAll('#learning svg').length).toBe(2);
    expect(document.querySelector('#learning h3')?.textContent).toBe('reconstruct, 200 steps');
    expect(document.querySelector('#learning figcaption')?.textContent).toBe('conv<1>: error 0.200 → 0.0500');
    // Four points, the first the highest: y falls in the picture where the loss does.
    const path = document
      .querySelector('#learning svg path.mark, #learning svg .mark path')
      ?.getAttribute('d');
    const heights = (path ?? '')
      .slice(1)
      .split('L')
      .map((point: string) => Number(point.split(',')[1]));
    expect(heights).toEqual([...heights].sort((a, b) => a - b));
    expect(heights).toHaveLength(4);
    // Losses of hundreds are written out.
    expect(textOf(learned(1, 100), '#learning svg')).toContain('400');
    expect(textOf(learned(1, 100), '#learning svg')).not.toContain('e+');
  });

  it('is cut where blocks are many, and nothing where none were learned', () => {
    expect(textOf(learned(30), '#learning')).toContain('6 others not drawn.');
    expect(parse(learned(0)).querySelector('#learning')).toBeNull();
  });
});

describe('what it shows', () => {
  it('the verdict and the gates first, then the figures', () => {
    const { document } = parseHTML(renderPage(fullResult()));
    expect(document.querySelector('.verdict')?.textContent?.trim()).toBe(
      '✗ 2 of 4 gates failed. Top-1 90.14 % (−1.48 points); 0.16 times the size.',
    );
    const sections = [...document.querySelectorAll('main > section')].map(
      (each) => each.id || each.className,
    );
    expect(sections).toEqual([
      ...['gates', 'cards', 'baseline', 'warnings', 'drift', 'distributions', 'mistakes', 'metrics'],
      ...['suggestions', 'search', 'plan', 'recipe'],
    ]);
    const rows = [...document.querySelectorAll('#gates tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent.trim()),
    );
    expect(rows).toEqual([
      ['top1_drop<0.5%', '✗ failed', '< 0.50 %', '1.48 %', '−0.98 points'],
      ['size<300KB', '✓ passed', '< 300 kB', '176 kB', '+124 kB'],
      ['sqnr[logits]>=31', '! warning', '≥ 31.0 dB', '30.4 dB', '−0.6 dB'],
      [
        'mean_iou_drop<1%',
        '✗ failed',
        '< 1.00 %',
        'not measured: the metric module gave no finite number for the quantized model',
        '–',
      ],
    ]);
  });

  it('no section for what there is nothing of', () => {
    const document = parse(sampleResult());
    const sections = [...document.querySelectorAll('main > section')].map(
      (each) => each.id || each.className,
    );
    expect(sections).toEqual(['cards', 'drift', 'plan', 'recipe']);
    expect(document.querySelector('.verdict')?.textContent?.trim()).toMatch(/^Top-1 90\.14 %/);
  });

  it('the figures of the run', () => {
    const cards = textOf(fullResult(), '.cards') ?? '';
    expect(cards).toContain('90.14 %');
    expect(cards).toContain('−1.48 points from 91.62 %, on 5,000 samples');
    expect(cards).toContain('30.4 dB');
    // 176,000 of 1,116,434 bytes.
    expect(cards).toContain('0.158×');
    expect(textOf(fullResult(), '#timing')).toContain('2.19× as fast');
  });

  it('without labels the agreement, and without classes neither', () => {
    expect(textOf(sampleResult({ task: null }), '.cards')).toContain('Same top-1 as float 99.18 %');
    const [output] = sampleResult().outputs;
    if (!output) throw new Error('the sample has an output');
    const deployed = { ...output.deployed, topOneAgreement: null };
    const cards = textOf(sampleResult({ task: null, outputs: [{ ...output, deployed }] }), '.cards') ?? '';
    expect(cards).toMatch(/^Signal to noise/);
  });

  it('of two given models, what they are and how their layers were found', () => {
    const notes = ['The output "a" was compared with "b", by order.'];
    const comparison = {
      floatForm: 'float32',
      quantizedForm: 'integer-operators',
      layers: 5,
      notes,
    } as const;
    const result = sampleResult({ command: 'compare', comparison, reproduce: null });
    const header = textOf(result, 'header') ?? '';
    expect(header).toMatch(/^Comparison of two models/);
    expect(header).toMatch(/Integer operators against float32; 5 layers: 3 by .*, 2 not found/);
    expect(header).toContain(notes[0]);
    expect(textOf(result, '#drift')).toContain('optimizations off');
    expect(parse(result).querySelector('pre')).toBeNull();
  });

  it('the interval of the accuracy', () => {
    expect(textOf(fullResult(), '.cards')).toMatch(/points \(95 % interval\): (not )?told from noise/);
  });

  it('the command, a flag on each line, that a shell takes as one', () => {
    const reproduce = "quantize 'a b.onnx' --data c.npy --rule 'x -y*:bits=8' --exclude 'it'\\''s' -o q.onnx";
    const code = parse(sampleResult({ reproduce })).querySelector('pre')?.textContent;
    expect(code).toBe(
      "quantize 'a b.onnx' \\\n  --data c.npy \\\n  --rule 'x -y*:bits=8' \\\n  --exclude 'it'\\''s' \\\n  -o q.onnx",
    );
  });

  it('every layer in a table, the numbers of its origin with it', () => {
    const [layers, origins] = [...parse(fullResult()).querySelectorAll('#drift details')].map((each) =>
      [...each.querySelectorAll('tbody tr')].map((row) =>
        [...row.children].map((cell) => cell.textContent.trim()),
      ),
    );
    expect(layers?.[1]).toEqual(['2', 'conv2_out', 'Conv', '4 bits', '8 bits', '12.3 dB']);
    expect(origins?.[1]).toEqual([
      ...['2', 'conv2_out', '21.0 dB', '29.0 dB', '32.0 dB', '–', '–', '1 of 16'],
    ]);
    expect(origins?.[0]?.slice(-4)).toEqual(['33.0 dB', '35.0 dB', '1.23 %', '0 of 16']);
    expect([layers?.length, origins?.length]).toEqual([3, 3]);
  });

  it('a search shows what it chose, and how to repeat it; without one there is no section', () => {
    const { document } = parseHTML(renderPage(fullResult()));
    const section = document.querySelector('#search');
    expect(section?.textContent).toMatch(
      /2 models tried on 2,500 samples of test\.npy; what stands above was measured on 5,000 samples of test\.npy, which the search did not see/,
    );
    const rows = [...(section?.querySelectorAll('tbody tr') ?? [])].map((row) => row.textContent);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toContain('mse');
    expect(section?.querySelector('pre')?.textContent).toContain("--rule 'a:bits=8,scheme=mse'");
    expect(parseHTML(renderPage(fullResult({ search: null }))).document.querySelector('#search')).toBeNull();
  });

  it('names of classes, where they are given', () => {
    const named = fullResult({ classNames: ['bird', '', '', 'cat'] });
    expect(textOf(named, '#mistakes li')).toMatch(/^cat, now 5margin/);
    expect(textOf(named, '#mistakes li + li')).toMatch(/^bird, now 8/);
  });

  it('the network: every layer with its number, in every width the same nodes and edges', () => {
    const drawings = [...parse(fullResult()).querySelectorAll('svg.drawing')];
    expect(drawings.length).toBe(3);
    for (const drawing of drawings) {
      const labels = [...drawing.querySelectorAll('.node')].map((node) => node.getAttribute('aria-label'));
      expect(labels).toEqual([
        'x: Input',
        ...['#1 conv1_out: Conv; weights 8 bits, input 8 bits; up to here 40.1 dB; '].map(
          (text) => `${text}its own error 20.0 dB, at the output 30.0 dB`,
        ),
        '#2 conv2_out: Conv; weights 4 bits, input 8 bits; up to here 12.3 dB; its own error 21.0 dB, at the output 29.0 dB',
        'add_out: Add',
        '#3 fc_out: Conv; weights 8 bits, input 8 bits; up to here identical; its own error 22.0 dB, at the output 28.0 dB',
      ]);
      expect([...drawing.querySelectorAll('.node .dot')].map((dot) => dot.getAttribute('class'))).toEqual([
        ...['dot', 'dot g0', 'dot g4', 'dot', 'dot g0'],
      ]);
      expect(drawing.querySelectorAll('.edges path').length).toBe(5);
    }
    expect(parse(fullResult({ network: [] })).querySelector('.network')).toBeNull();
  });

  it('thumbnails with words for who does not see them', () => {
    const images = [...parse(fullResult()).querySelectorAll('#mistakes img')];
    expect(images.map((image) => image.getAttribute('alt'))).toEqual([
      'The picture of cats/a.png, of class 3',
    ]);
    expect(textOf(fullResult(), '#mistakes li + li')).toBe('class 0, now 8margin 0.500sample 4');
  });
});

describe('its plots', () => {
  it('are images with a name, and each has marks', () => {
    const plots = [...parse(fullResult()).querySelectorAll('svg.plot')];
    // Size, speed, drift in three widths, two histograms.
    expect(plots.length).toBe(7);
    for (const plot of plots) {
      expect(plot.getAttribute('role')).toBe('img');
      expect(plot.getAttribute('aria-label')?.length).toBeGreaterThan(10);
      expect(plot.querySelectorAll('.mark > *').length).toBeGreaterThan(1);
    }
  });

  it('of the drift have a point for each number that was measured, in both widths', () => {
    for (const width of ['wide', 'medium', 'narrow']) {
      const marks = [...parse(fullResult()).querySelectorAll(`svg.${width} .mark`)];
      // Effects and own errors of three layers; the last layer has no accumulated error.
      expect(marks.map((mark) => mark.children.length)).toEqual([3, 3, 2]);
      expect(marks[2]?.textContent).toContain('#2 conv2_out\naccumulated 12.3 dB');
    }
  });

  it('of the tensors have a bar for each bin that is not empty, and a line for each level', () => {
    const histograms = [...parse(fullResult()).querySelectorAll('svg.histogram')];
    const filled = fullResult().distributions.map(({ counts }) => counts.filter((count) => count > 0).length);
    const marks = histograms.map((each) => [...each.querySelectorAll('.mark')].map((m) => m.children.length));
    expect(marks).toEqual([
      [filled[0], 16],
      [filled[1], 256],
    ]);
  });

  it('stand in order: a worse layer is lower, and a level is where its value is', () => {
    const document = parse(fullResult());
    const circles = [...document.querySelectorAll('svg.wide .mark')][2]?.children ?? [];
    const [first, second] = [...circles].map((circle) => Number(circle.getAttribute('cy')));
    // 40.1 dB and 12.3 dB.
    expect(first).toBeLessThan(second ?? 0);
    const lines = [...document.querySelectorAll('svg.histogram .mark')][1]?.children ?? [];
    const places = [...lines].map((line) => Number(line.getAttribute('x1')));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    // Levels from −1 to 1 over edges from −1 to 1: from the left of the frame to its right.
    expect([places[0], places.at(-1)]).toEqual([44, 388]);
  });

  it('are drawn where all layers are exact, or there is one', () => {
    const [layer] = sampleResult().layers;
    if (!layer) throw new Error('the sample has layers');
    const exact = sampleResult({ layers: [{ ...layer, drift: { ...layer.drift, sqnrDb: null } }] });
    expect(textOf(exact, '#drift figure')).toContain('No layer differs from float.');
    expect(parse(sampleResult({ layers: [layer] })).querySelectorAll('svg.wide .mark > *').length).toBe(1);
  });
});

it('a name never becomes markup', () => {
  const names = [
    '</style><script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    '&lt;b&gt;',
    'a\u0000b\u202ec\ud800d]]>--><!--',
  ];
  const plain = checkMarkup(renderPage(hostileResult('name')), 'html');
  for (const name of names) {
    const page = renderPage(hostileResult(name));
    expect(checkMarkup(page, 'html')).toEqual(plain);
    for (const character of ['\u0000', '\u202e', '\ud800']) expect(page).not.toContain(character);
  }
});

it('the same result gives the same bytes, and other times change the figure of the speed, and a word of the verdict', () => {
  const result = fullResult();
  const speed = usualSpeed;
  const slower = {
    speed: { ...speed, floatMs: 9, quantizedMs: 11, ratio: 0.82, runs: 20 },
    elapsedMs: 99_000,
    at: '2031-01-02T03:04:05.000Z',
  };
  const [a, b] = [renderPage(result), renderPage({ ...result, timing: slower })];
  expect(renderPage(fullResult())).toBe(a);
  expect(a).not.toBe(b);
  const withoutTimes = (page: string) =>
    page.replace(/<div id="timing">[\s\S]*?<\/div>/, '').replace('; slower than float (0.82×)', '');
  expect(withoutTimes(a)).toBe(withoutTimes(b));
  expect(b).toContain('slower than the float one here (0.82×)');
});

it('a flag in a warning is not broken at its hyphens, and stands as it was written', () => {
  const page = renderPage(sampleResult({ warnings: ['Add --max-drop, or "--no" <b>'] }));
  expect(page).toContain('<li>Add <span class="whole">--max-drop</span>, or &quot;--no&quot; &lt;b&gt;</li>');
});
