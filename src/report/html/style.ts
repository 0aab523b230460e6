/** The colours of one scheme. Text has a contrast of 4.5 or more on both grounds, marks of plots 3 (WCAG 2.2, 1.4.3 and 1.4.11). */
export interface Palette {
  /** Behind the page, and behind tables and figures. */
  readonly page: string;
  readonly surface: string;
  readonly text: string;
  readonly muted: string;
  readonly accent: string;
  readonly good: string;
  readonly caution: string;
  readonly bad: string;
  /** Bars of the histograms. */
  readonly bar: string;
  /** Edges of tables and cards, which carry no meaning. */
  readonly line: string;
  /** Layers of the network by their error, the least first; each has an edge of the colour of text. */
  readonly g0: string;
  readonly g1: string;
  readonly g2: string;
  readonly g3: string;
  readonly g4: string;
}

/** From blue to red over yellow, told apart by the colour-blind too: lightness falls towards both ends. */
const ramp = { g0: '#3f8fc4', g1: '#a9d3e8', g2: '#f7e08a', g3: '#f0953f', g4: '#c8322b' };

export const palettes: { readonly light: Palette; readonly dark: Palette } = {
  light: {
    page: '#f7f7f5',
    surface: '#ffffff',
    text: '#1c2026',
    muted: '#586070',
    accent: '#0a5fbf',
    good: '#1b6e3c',
    caution: '#8a5800',
    bad: '#b3261e',
    bar: '#8791a0',
    line: '#dfe2e6',
    ...ramp,
  },
  dark: {
    page: '#13161b',
    surface: '#1b1f26',
    text: '#e7e9ec',
    muted: '#a3abb8',
    accent: '#72b2ff',
    good: '#63cc90',
    caution: '#e8b755',
    bad: '#ff938a',
    bar: '#717c8c',
    line: '#313842',
    ...ramp,
  },
};

const variables = (palette: Palette): string =>
  Object.entries(palette)
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(' ');

/** The whole style sheet. It stands in the page, which allows it by its hash. */
export const style = `
:root { color-scheme: light; ${variables(palettes.light)} --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) { :root { color-scheme: dark; ${variables(palettes.dark)} } }
@media print { :root { color-scheme: light; ${variables({ ...palettes.light, page: '#ffffff' })} } }
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 64rem; padding: 2.5rem 1.25rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
h1, h2, h3, p, ul, dl, figure, pre { margin: 0; }
h1 { font-size: 1.45rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h1 .from { color: var(--muted); font-weight: 450; }
h2 { font-size: 1.15rem; font-weight: 650; margin-bottom: 0.35rem; }
h3 { font-size: 0.95rem; font-weight: 650; color: var(--text); overflow-wrap: anywhere; }
section { margin-top: 2.75rem; }
a { color: var(--accent); }
code, pre { font-family: var(--mono); font-size: 0.86em; overflow-wrap: anywhere; }
.eyebrow, .note, figcaption, dt, .unit { color: var(--muted); }
.eyebrow { font-size: 0.85rem; margin-bottom: 0.35rem; }
.note { font-size: 0.92rem; max-width: 46rem; margin-bottom: 0.9rem; }
.verdict { font-size: 1.1rem; margin-top: 1rem; }
.verdict .outcome { margin-right: 0.5rem; }
.outcome { font-weight: 650; white-space: nowrap; }
.passed { color: var(--good); } .warned, .warning { color: var(--caution); } .failed { color: var(--bad); }
.whole { white-space: nowrap; }
.hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.cards, .figures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14.5rem), 1fr)); }
.figures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.cards > *, .panel, .scroll { background: var(--surface); border: 1px solid var(--line); border-radius: 0.6rem; }
.cards > *, .panel { padding: 1rem 1.1rem; }
.cards > * { margin: 0; }
.cards h2 { font-size: 0.85rem; font-weight: 550; color: var(--muted); margin: 0; }
.figure { font-size: 1.75rem; line-height: 1.25; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figure .unit { font-size: 0.6em; font-weight: 450; letter-spacing: 0; }
.cards p:not(.figure) { font-size: 0.88rem; color: var(--muted); }
.cards p.warning { color: var(--caution); }
.cards svg { margin-top: 0.6rem; max-width: 17rem; }
.panel, .scroll, details { margin-top: 1rem; }
.figures > .panel { margin-top: 0; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; }
th, td { padding: 0.45rem 0.85rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--muted); font-weight: 550; font-size: 0.92em; white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 450; }
td code, th code { overflow-wrap: break-word; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; padding: 0.35rem 0; color: var(--accent); font-size: 0.95rem; }
details > :not(summary) { margin-top: 0.5rem; }
.pair { margin-top: 1.4rem; }
.pair h3 { margin-bottom: 0.5rem; }
figcaption { font-size: 0.88rem; }
figure figcaption { margin-bottom: 0.4rem; }
.plot, .drawing { display: block; width: 100%; height: auto; color: var(--muted); overflow: visible; }
.plot text { white-space: pre; }
.narrow, .medium { display: none; }
.network .node { cursor: default; outline: none; } .node text { fill: var(--text); text-anchor: middle; }
.edges path { fill: none; stroke: var(--muted); stroke-width: 1.2; }
.dot { fill: var(--surface); stroke: var(--text); stroke-width: 1; }
.dot.g0 { fill: var(--g0); } .dot.g1 { fill: var(--g1); } .dot.g2 { fill: var(--g2); } .dot.g3 { fill: var(--g3); } .dot.g4 { fill: var(--g4); }
.node:focus .dot, .node.shown .dot { stroke: var(--accent); stroke-width: 3; }
.tip { min-height: 3.2em; margin-top: 0.6rem; font-size: 0.88rem; color: var(--muted); overflow-wrap: anywhere; }
.meaning { margin-top: 0.6rem; max-width: 46rem; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 1.2rem; font-size: 0.88rem; color: var(--muted); }
.tools input, .tools select { font: inherit; color: var(--text); background: var(--surface); border: 1px solid var(--muted); border-radius: 0.35rem; padding: 0.25rem 0.5rem; }
.tools .by { display: none; } .tools select { max-width: 10rem; }
thead button { all: unset; cursor: pointer; } thead button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
[aria-sort] button::after { content: " ↑"; } [aria-sort="descending"] button::after { content: " ↓"; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.4rem; padding: 0; list-style: none; font-size: 0.88rem; color: var(--muted); margin-bottom: 0.5rem; }
.legend svg { width: 1.6rem; height: 0.8rem; margin-right: 0.4rem; vertical-align: -0.05rem; }
.samples { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); padding: 0; list-style: none; }
.samples li { background: var(--surface); border: 1px solid var(--line); border-radius: 0.6rem; padding: 0.75rem; font-size: 0.84rem; line-height: 1.45; overflow-wrap: anywhere; }
.samples img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 0.3rem; margin-bottom: 0.5rem; }
.samples.seen { grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
svg.seen { display: block; width: 100%; height: auto; border-radius: 0.3rem; margin-bottom: 0.5rem; background: var(--line); }
.box { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; } .box.float { stroke: var(--g2); stroke-width: 3.5; } .box.quantized { stroke: var(--g4); stroke-dasharray: 5 3; }
.list { padding-left: 1.1rem; } .list li + li { margin-top: 0.4rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.4rem; font-size: 0.92rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 0.9rem 1.1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 0.6rem; margin-bottom: 1rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 0.85rem; color: var(--muted); overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 2rem; }
  h1 { font-size: 1.25rem; }
  section { margin-top: 2.25rem; }
  .cards { grid-template-columns: 1fr; }
  .figure { font-size: 1.5rem; }
  .panel { padding: 0.8rem; }
  .stacks thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stacks tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(5rem, 1fr)); gap: 0.35rem 0.8rem; padding: 0.6rem; border-top: 1px solid var(--line); }
  .stacks tr[hidden] { display: none; }
  .stacks, .stacks tbody, .stacks th, .stacks td { display: block; border: 0; padding: 0; text-align: left; }
  .stacks [data-head]::before { content: attr(data-head); display: block; color: var(--muted); font-size: 0.85em; }
  .stacks [data-head]:has(code) { grid-column: 1 / -1; }
  .stacks td, .stacks th, .stacks .outcome { white-space: normal; overflow-wrap: anywhere; }
  .tools .by { display: inline; }
  .histogram text, .curve text { font-size: 17px; }
  th, td { padding: 0.4rem 0.6rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd + dt { margin-top: 0.6rem; }
  .samples { grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); }
}
@media (max-width: 60rem) { .wide { display: none; } .medium { display: block; } }
@media (max-width: 36rem) { .medium { display: none; } .narrow { display: block; } }
@page { margin: 14mm 14mm 16mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .tools, .tip { display: none; }
  /* A head with a button in it is not printed again on the next page. */
  thead button { display: contents; }
  section { margin-top: 1.6rem; }
  h2, h3, summary, thead, .note, .legend { break-after: avoid; }
  tbody tr:nth-child(-n + 2) { break-before: avoid; }
  .cards, figure, .samples li, tr, p, .pair h3 { break-inside: avoid; }
  /* With its heading on one page; what is higher than a page would be cut through. */
  .network svg { max-height: 215mm; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  table { font-size: 7.5pt; }
  th, td { padding: 0.2rem 0.4rem; }
  th code, td code { overflow-wrap: anywhere; }
  .number, thead th { white-space: normal; }
  summary { color: var(--text); list-style: none; font-weight: 650; }
  details::details-content { content-visibility: visible; block-size: auto; opacity: 1; }
}
`;
