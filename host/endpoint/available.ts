import type { PropertyWish, Value } from '../../abi/host/contract.ts';

/** A property that a Shape of an endpoint makes available. */
export function available(name: string, value: Value = { tag: 'yes' }): PropertyWish {
  return { wish: 'available', property: { name, value } };
}
