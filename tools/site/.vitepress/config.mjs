import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const copies = fileURLToPath(new URL('../pages', import.meta.url));

// Pages must lie below the package that Vue is in.
rmSync(copies, { recursive: true, force: true });
for (const path of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs', 'examples/README.md'])
  cpSync(`${root}${path}`, `${copies}/${path}`, { recursive: true });

/** Every page of a folder by its own first heading: a new document needs no line here. */
const pages = (folder) =>
  readdirSync(`${root}${folder}`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({ text: headingOf(`${folder}/${name}`), link: `/${folder}/${name.slice(0, -3)}` }))
    .sort((a, b) => a.text.localeCompare(b.text, 'en'));

function headingOf(path) {
  const [, heading] = /^# (.+)$/m.exec(readFileSync(`${root}${path}`, 'utf8')) ?? [];
  return heading ?? path;
}

/** The repository's own Markdown, as it stands: its relative links hold. */
export default {
  title: 'onnx-quantize',
  description: 'Post-training quantizer for ONNX models.',
  srcDir: 'pages',
  outDir: 'dist',
  rewrites: { 'README.md': 'index.md' },
  // Files of the repository that are no pages: schemas, samples, scripts.
  ignoreDeadLinks: [(url) => !/(\/|\.md|^[^.]*)$/.test(url.replace(/#.*$/, ''))],
  themeConfig: {
    search: { provider: 'local' },
    outline: 'deep',
    sidebar: [
      { text: 'onnx-quantize', link: '/' },
      { text: 'Tutorials', items: pages('docs/tutorials') },
      { text: 'Documents', items: pages('docs') },
      { text: 'Contributing', link: '/CONTRIBUTING' },
      { text: 'Changelog', link: '/CHANGELOG' },
    ],
  },
};
