import { expect, it } from 'vitest';
import { SavedStates } from './saved-states.ts';

const saved = { version: '1.0.0', state: Uint8Array.of(1, 2, 3) };

it('gives a state once to a piece that faults', () => {
  const states = new SavedStates();
  states.save('six', saved);
  states.dropGiven('six');
  expect(states.give('six')).toBe(saved);
  states.received('six', true);
  states.dropGiven('six');
  expect(states.give('six')).toBeUndefined();
});

it('gives a state again to a piece that did not start through no fault of its own', () => {
  const states = new SavedStates();
  states.save('six', saved);
  states.give('six');
  states.takeBack('six');
  states.dropGiven('six');
  expect(states.give('six')).toBe(saved);
});

it('drops a state that its piece rejects, and reports which pieces accepted theirs', () => {
  const states = new SavedStates();
  for (const name of ['six', 'tap']) {
    states.save(name, saved);
    states.give(name);
  }
  states.received('six', false);
  states.received('tap', true);
  expect(states.restored).toEqual(['tap']);
  expect([states.hasRestored('six'), states.hasRestored('tap')]).toEqual([false, true]);
  expect(states.give('six')).toBeUndefined();
  states.beginStart();
  expect(states.restored).toEqual([]);
});
