import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DeviceWatch } from './device-watch.ts';
import { RecordingContext } from './testing/recording-context.ts';
import { ScriptedIo, systemError } from './testing/scripted-io.ts';

class Links extends ScriptedIo {
  index: number | undefined = 5;
  refuses = false;
  batch = this.createBatch({} as never);

  linkIndex(): number {
    if (this.index === undefined) throw systemError('ENODEV');
    return this.index;
  }
  watchLinks(batch: number): number {
    if (this.refuses) throw systemError('EPERM');
    return this.channelOf(batch);
  }
}

let links: Links;
let context: RecordingContext;
let looks: boolean[];
const watch = (device = 'eth7', index?: number) =>
  new DeviceWatch(links.calls, links.batch, device, { context, index, onLook: (isNew) => looks.push(isNew) });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  links = new Links();
  context = new RecordingContext();
  looks = [];
});
afterEach(() => {
  expect([links.open.size, vi.getTimerCount()]).toEqual([0, 0]);
  vi.useRealTimers();
});

describe('the watch of a device', () => {
  it('knows from the start whether the device is there', () => {
    const present = watch();
    expect([present.isAbsent, present.index, links.started.size]).toEqual([false, 5, 1]);
    present.close();
    links.index = undefined;
    const absent = watch();
    expect([absent.isAbsent, absent.index]).toEqual([true, 0]);
    absent.close();
  });

  it('looks once for changes that follow closely, and reports a device that was made again', () => {
    const each = watch();
    each.hear(1);
    each.hear(2);
    vi.advanceTimersByTime(49);
    expect(looks).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([looks, context.logs]).toEqual([[false], []]);
    links.index = undefined;
    each.hear(1);
    vi.advanceTimersByTime(50);
    expect([looks.at(-1), each.isAbsent, each.index]).toEqual([false, true, 5]);
    links.index = 6;
    each.hear(1);
    vi.advanceTimersByTime(50);
    expect([looks, each.isAbsent, each.index]).toEqual([[false, false, true], false, 6]);
    expect(context.logs).toEqual([
      { level: 'info', message: expect.stringContaining('eth7 was made again') },
    ]);
    each.close();
  });

  it('compares with the device to which a predecessor had bound its sockets', () => {
    const each = watch('eth7', 4);
    expect([each.index, each.isAbsent]).toEqual([4, false]);
    each.soon();
    vi.advanceTimersByTime(50);
    expect([looks, each.index]).toEqual([[true], 5]);
    each.close();
  });

  it('knows its own channel, and closes it at its end', () => {
    const each = watch();
    const [channel] = links.open.keys();
    expect([each.isAt(channel!), each.isAt(channel! + 1), each.isAt(-1)]).toEqual([true, false, false]);
    each.hear(1);
    each.hear(-9);
    expect([links.open.size, each.isAt(channel!), each.isAt(-1)]).toEqual([0, false, false]);
    each.close();
  });

  it('without a device in the settings watches nothing', () => {
    const each = watch('');
    each.soon();
    expect([links.open.size, each.isAbsent, each.index, vi.getTimerCount()]).toEqual([0, false, 0, 0]);
    each.close();
  });

  it('is left out with a warning where the system refuses it', () => {
    links.refuses = true;
    const each = watch();
    expect(context.logs).toEqual([{ level: 'warn', message: expect.stringContaining('EPERM') }]);
    each.close();
  });
});
