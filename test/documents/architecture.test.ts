import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../net/project-root.ts';
import { MarkdownDocument } from './markdown.ts';

const architecture = MarkdownDocument.read('docs/architecture.md');

describe('docs/architecture.md', () => {
  it('names for each step of a way a function that its file defines', () => {
    const steps = architecture.tables.flat().filter((row) => row.function !== undefined);
    expect(steps.length).toBeGreaterThan(30);
    const missing = steps.filter(({ function: name, file }) => !defines(unquoted(file!), unquoted(name!)));
    expect(missing).toEqual([]);
  });

  it('shows in its glossary files and folders that are there', () => {
    const words = architecture.tables.flat().filter((row) => row.where !== undefined);
    expect(words.length).toBeGreaterThan(60);
    const paths = words.flatMap(({ where }) => [...where!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
    expect(paths.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
  });

  it('gives one meaning to each word', () => {
    const words = architecture.tables
      .flat()
      .filter((row) => row.where !== undefined)
      .flatMap(({ word }) => [...word!.matchAll(/\*\*([^*]+)\*\*/g)].map((match) => match[1]!.toLowerCase()));
    expect(words.filter((word, n) => words.indexOf(word) !== n)).toEqual([]);
  });

  it('shows in its house each folder that is there, and no other', () => {
    const shown: string[] = [];
    for (const line of architecture.block('', 'pieces-as/ ').split('\n')) {
      const [, indent, name] = /^( *)([a-z-]+)\/(?: |$)/.exec(line) ?? [];
      if (name === undefined || indent!.length > 4) continue;
      const parent = shown.findLast((folder) => folder.split('/').length === indent!.length / 2);
      shown.push(parent === undefined ? name : `${parent}/${name}`);
    }
    const host = foldersIn('host').flatMap((folder) => [folder, ...foldersIn(folder)]);
    expect(shown.sort()).toEqual(['abi', 'host', ...host, 'pieces-as', 'test', 'tools', 'wit'].sort());
  });

  it('links to existing targets', () => {
    const from = join(projectRoot, 'docs');
    expect(architecture.links.filter((link) => !existsSync(join(from, link)))).toEqual([]);
  });

  it('would notice a function that is not in its file', () => {
    expect(defines('host/frame/classifier.ts', 'Classifier.walk')).toBe(true);
    expect(defines('host/frame/classifier.ts', 'Classifier.run')).toBe(false);
    expect(defines('host/frame/classifier.ts', 'Parser.deepen')).toBe(false);
    expect(defines('host/endpoint/addon/tun.c', 'read_tun')).toBe(true);
    expect(defines('host/endpoint/addon/tun.c', 'throw_argument')).toBe(false);
  });
});

/**
 * Whether a file defines a function, or a class with a method of this name; a call of it is no definition.
 */
function defines(file: string, name: string): boolean {
  const path = join(projectRoot, file);
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  const source = readFileSync(path, 'utf8');
  const [holder, method] = name.split('.');
  if (method !== undefined)
    return (
      new RegExp(`^(export )?(abstract )?class ${holder}\\b`, 'm').test(source) &&
      new RegExp(`^  (static )?(async )?\\*?${method}(<[^(]*>)?\\(`, 'm').test(source)
    );
  return file.endsWith('.c')
    ? new RegExp(`^[a-z][^;={}]*\\b${name}\\([^;]*\\) \\{`, 'm').test(source)
    : new RegExp(`^(export )?(async )?function\\*? ${name}\\b`, 'm').test(source);
}

/** The folders inside a folder, without test support and recorded output of tests. */
function foldersIn(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['testing', '__snapshots__'].includes(entry.name))
    .map(({ name }) => `${folder}/${name}`);
}

function unquoted(cell: string): string {
  return cell.replaceAll('`', '');
}
