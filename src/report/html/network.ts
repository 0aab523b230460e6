import { Graph, layout } from '@dagrejs/dagre';
import type { NetworkNode } from '../describe-network.js';
import { planOf, widthsOf } from '../facts.js';
import { formatDb } from '../format.js';
import type { Result } from '../result.js';
import { Markup, markup } from './markup.js';
import { FONT, type PlotSize, plotWidths } from './plots.js';

/** Classes of error, by the least SQNR in dB that they hold; the worst last. */
const grades = [
  { least: 40, name: 'g0', text: '40 dB and more' },
  { least: 30, name: 'g1', text: '30 to 40' },
  { least: 20, name: 'g2', text: '20 to 30' },
  { least: 15, name: 'g3', text: '15 to 20' },
  { least: Number.NEGATIVE_INFINITY, name: 'g4', text: 'below 15' },
] as const;

/** Radius of a layer and of what joins; the room of each, its number below it, and between two of them. In pixels. */
const RADIUS = { layer: 8, join: 4.5 };
const ROOM = { width: 20, height: 46 };
const SPACE = { nodesep: 6, ranksep: 9, edgesep: 8 };
/** Between rows of the drawing. */
const ROW_GAP = 10;

/** The network: layers coloured by the error up to them, what joins them, and their edges; in rows where it is long. */
export function renderNetwork(result: Result): Markup | undefined {
  const { network } = result;
  if (network.length < 2) return undefined;
  const placed = place(network);
  const sizes: readonly PlotSize[] = ['wide', 'medium', 'narrow'];
  return markup`<div class="panel"><figure>
<figcaption><h3>The network, by the error up to each layer</h3></figcaption>
<ul class="legend">${grades.map(({ name, text }) => markup`<li>${dot(name)}${text}</li>`)}
<li>${dot('')}not measured</li></ul>
<div class="network">${sizes.map((size) => draw(result, placed, size))}</div>
<p class="tip" role="status">Point at a layer, or go there with the keyboard, for its numbers.</p>
</figure></div>`;
}

const dot = (name: string) =>
  markup`<svg viewBox="0 0 32 16" aria-hidden="true"><circle cx="16" cy="8" r="6" class="dot ${name}"/></svg>`;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Placed {
  readonly nodes: readonly (NetworkNode & Point)[];
  readonly edges: readonly (readonly Point[])[];
}

/** Places of nodes and the bends of edges: Gansner et al. 1993, by dagre, from left to right. */
function place(network: readonly NetworkNode[]): Placed {
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', ...SPACE });
  graph.setDefaultEdgeLabel(() => ({}));
  network.forEach((_, i) => {
    graph.setNode(String(i), { ...ROOM });
  });
  network.forEach(({ from }, i) => {
    for (const source of from) graph.setEdge(String(source), String(i));
  });
  layout(graph);
  const nodes = network.map((node, i) => {
    const { x, y } = graph.node(String(i)) as Point;
    return { ...node, x, y };
  });
  const edges = network.flatMap(({ from }, i) =>
    from.map((source) => {
      const { points } = graph.edge(String(source), String(i)) as { points: Point[] };
      const [start, end] = [nodes[source] as Point, nodes[i] as Point];
      return [start, ...points.slice(1, -1), end];
    }),
  );
  return { nodes, edges };
}

function draw(result: Result, { nodes, edges }: Placed, size: PlotSize): Markup {
  const width = plotWidths[size];
  const rows = rowsOf(nodes, width);
  let top = 0;
  const drawn = rows.map(({ from, to }) => {
    const inside = edges.filter((points) =>
      points.some((point, i) => i > 0 && point.x >= from && (points[i - 1] as Point).x <= to),
    );
    const own = nodes.filter(({ x }) => x > from && x < to);
    const ys = [...own, ...inside.flat().filter(({ x }) => x >= from && x <= to)].map(({ y }) => y);
    const low = Math.min(...ys) - ROOM.height / 2;
    const height = Math.max(...ys) + ROOM.height / 2 - low;
    const frame = `x="0" y="${fixed(top)}" width="${width}" height="${fixed(height)}" viewBox="${fixed(from)} ${fixed(low)} ${width} ${fixed(height)}"`;
    top += height + ROW_GAP;
    return markup`<svg ${new Markup(frame)}><g class="edges">${inside.map(path)}</g>
${own.map((node) => nodeOf(result, node))}</svg>`;
  });
  const height = fixed(top - ROW_GAP);
  const label = `The network in ${nodes.length} nodes, from left to right`;
  return markup`<svg class="drawing ${size}" role="group" aria-label="${label}" font-size="${FONT}" fill="currentColor" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
${drawn}</svg>`;
}

/** Which stretch each row shows: whole columns of nodes, as many as there is room for. */
function rowsOf(nodes: readonly Point[], width: number): { from: number; to: number }[] {
  const columns = [...new Set(nodes.map(({ x }) => x))].sort((a, b) => a - b);
  const half = (ROOM.width + SPACE.ranksep) / 2;
  const rows: { from: number; to: number }[] = [];
  for (const x of columns) {
    const row = rows.at(-1);
    if (row && x + half - row.from <= width) row.to = x + half;
    else rows.push({ from: x - half, to: x + half });
  }
  return rows;
}

function path(points: readonly Point[]): Markup {
  const [start, ...others] = points.map(({ x, y }) => `${fixed(x)} ${fixed(y)}`);
  return markup`<path d="M${start ?? ''}L${others.join('L')}"/>`;
}

function nodeOf(result: Result, { id, opType, x, y }: NetworkNode & Point): Markup {
  const at = result.layers.findIndex((layer) => layer.id === id);
  const plan = planOf(result, id);
  const db = result.layers[at]?.drift.sqnrDb;
  const grade = db === undefined ? '' : db === null ? 'g0' : grades.find(({ least }) => db >= least)?.name;
  const radius = plan ? RADIUS.layer : RADIUS.join;
  const label = labelOf(result, id, opType, at);
  const number =
    at < 0 ? undefined : markup`<text x="${fixed(x)}" y="${fixed(y + RADIUS.layer + 13)}">${at + 1}</text>`;
  return markup`<g class="node" role="img" aria-label="${label}"><title>${label}</title><circle cx="${fixed(x)}" cy="${fixed(y)}" r="${radius}" class="dot ${grade}"/>${number}</g>`;
}

/** All that is known of a node, in one line. */
function labelOf(result: Result, id: string, opType: string, at: number): string {
  const name = at < 0 ? id : `#${at + 1} ${id}`;
  const plan = planOf(result, id);
  const { weights, input } = widthsOf(result, id);
  const origin = result.origins.find((each) => each.id === id);
  const db = result.layers[at]?.drift.sqnrDb;
  const facts = [
    `${name}: ${opType}`,
    ...(plan?.quantized ? [`weights ${weights}, input ${input}`] : plan ? ['stays float'] : []),
    ...(db === undefined ? [] : [`up to here ${formatDb(db)}`]),
    ...(origin
      ? [`its own error ${formatDb(origin.ownDb)}, at the output ${formatDb(origin.effectDb)}`]
      : []),
  ];
  return facts.join('; ');
}

const fixed = (value: number): string => String(Number(value.toFixed(1)));
