import type { Reporter } from './reporter.js';

/** One self-contained page. What draws its plots is loaded here, so that runs without it need none of it. */
export const html = {
  name: 'html',
  summary: 'one page with plots',
  ending: '.html',
  render: async (result) => (await import('./html/page.js')).renderPage(result),
} as const satisfies Reporter;
