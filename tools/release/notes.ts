import { readFileSync } from 'node:fs';

/**
 * What CHANGELOG.md says of a version, without its heading.
 *
 * @throws where it has no such heading, or nothing stands under it
 */
export function notesOf(changelog: string, version: string): string {
  const lines = changelog.split('\n');
  const start = lines.indexOf(`## ${version}`);
  if (start < 0) throw new Error(`CHANGELOG.md has no heading "## ${version}".`);
  const length = lines.slice(start + 1).findIndex((line) => line.startsWith('## '));
  const notes = lines
    .slice(start + 1, length < 0 ? undefined : start + 1 + length)
    .join('\n')
    .trim();
  if (notes === '') throw new Error(`CHANGELOG.md says nothing of ${version}.`);
  return `${notes}\n`;
}

/**
 * The notes of the release that a tag names, with links that lead into the repository at that tag.
 *
 * @throws where the tag is not that of the version in package.json
 */
export function releaseNotes(tag: string, version: string, changelog: string, repository: string): string {
  if (tag !== `v${version}`)
    throw new Error(`The tag ${tag} is not v${version}, the version of package.json.`);
  return notesOf(changelog, version).replaceAll(
    /\]\((?!https?:|#)([^)]+)\)/g,
    (_, path: string) => `](${repository}/blob/${tag}/${path})`,
  );
}

const [tag, repository] = process.argv.slice(2);
if (import.meta.filename === process.argv[1]) {
  if (tag === undefined || repository === undefined)
    throw new Error('node dist/tools/release/notes.js TAG REPOSITORY-URL');
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  process.stdout.write(releaseNotes(tag, version, readFileSync('CHANGELOG.md', 'utf8'), repository));
}
