import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasCommand } from '../net/command.ts';
import { labTest } from '../net/lab-test.ts';
import { funnelExec, whyNoUser } from '../net/ordinary-user.ts';
import { readPng } from '../net/png.ts';
import { projectRoot } from '../net/project-root.ts';
import { ROUTER, SixNetwork } from './six-network.ts';

/** The picture of the last run, to look at. */
const KEPT = join(projectRoot, 'build', 'screenshots', 'exec-chromium.png');
const COLOURS = { left: '#1e90ff', right: '#228b22' } as const;

labTest('a browser of an ordinary user shows a page of the far side of 6bed4', async ({ lab, skip }) => {
  const noUser = await whyNoUser();
  if (noUser !== undefined) skip(noUser);
  if (!hasCommand('chromium')) skip('chromium is not here (Debian: chromium)');
  const network = await SixNetwork.open(lab);
  const far = await network.startPeer(await network.host('far', 10));
  const site = join(lab.folder, 'site');
  mkdirSync(site);
  // The right half gets its colour from a script, which is loaded separately.
  writeFileSync(
    join(site, 'index.html'),
    `<!doctype html><title>far</title><style>html { background: ${COLOURS.left} }</style>
<div id="right" style="position: fixed; left: 50%; right: 0; top: 0; bottom: 0"></div><script src="paint.js"></script>`,
  );
  writeFileSync(
    join(site, 'paint.js'),
    `document.getElementById('right').style.background = '${COLOURS.right}';`,
  );
  far.host.start(['python3', '-m', 'http.server', '--bind', '::', '8000', '--directory', site]);
  const near = await network.host('near', 11);
  const file = join(lab.folder, 'six.yaml');
  const pieces = {
    system: { piece: 'tun', edges: { ip: 'lan' } },
    six: { piece: '6bed4', settings: { router: ROUTER }, edges: { ipv6: 'lan', carrier: 'wan' } },
    net: { piece: 'udp', edges: { udp: 'wan' } },
  };
  writeFileSync(file, JSON.stringify({ pieces }));
  const url = `http://[${await far.address()}]:8000/`;
  // The user's own folder, for the profile and the picture.
  const folder = mkdtempSync(join(tmpdir(), 'funnel-browser-'));
  try {
    chmodSync(folder, 0o777);
    const picture = join(folder, 'page.png');
    // The browser keeps its sandbox, whose namespaces are inside those of the command.
    const browser = ['chromium', '--headless=new', '--disable-gpu', '--window-size=400,300'];
    const script = [
      `curl -sS --retry 9 --retry-all-errors -o /dev/null '${url}' &&`,
      `${browser.join(' ')} --user-data-dir=${folder}/profile --screenshot=${picture} '${url}'`,
    ].join(' ');
    const { status, stderr } = await funnelExec(near, [file, '--', 'sh', '-c', script]);
    expect(status, stderr).toBe(0);
    const { width, height, colourAt } = readPng(readFileSync(picture));
    expect([width, height]).toEqual([400, 300]);
    const seen = [10, 100, 190, 210, 300, 390].map((x) => colourAt(x, Math.floor(height / 4)));
    expect(seen).toEqual([...Array(3).fill(COLOURS.left), ...Array(3).fill(COLOURS.right)]);
    mkdirSync(join(KEPT, '..'), { recursive: true });
    copyFileSync(picture, KEPT);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
