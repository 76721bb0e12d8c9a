import { type NamespaceSockets, OWN_NAMESPACE } from './addon.ts';

/**
 * The network namespace in which the endpoints of this thread make their devices. Their sockets are always in
 * the namespace of the process: so a command that runs in the other namespace is behind the puzzle, and the
 * puzzle is outside.
 */
export function deviceNamespace(): NamespaceSockets {
  return inUse;
}

/** Sets the namespace; call it before the lane of this thread starts. */
export function useDeviceNamespace(namespace: NamespaceSockets): void {
  inUse = namespace;
}

let inUse = OWN_NAMESPACE;
