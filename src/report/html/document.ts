import { createHash } from 'node:crypto';
import { Markup, markup } from './markup.js';
import { style } from './style.js';

/**
 * A page of its own: no script, nothing from elsewhere, and a policy that lets a browser load nothing else than this
 * style sheet and the pictures in the page.
 *
 * @param body - what stands between the body's tags
 */
export function renderDocument(
  title: string,
  tool: { readonly name: string; readonly version: string },
  body: Markup,
): string {
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${tool.name} ${tool.version}">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}
