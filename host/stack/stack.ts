/** A matching description: an optional initial Name Space, and steps, each contained in the one before it. */
export interface Stack {
  /**
   * The lowest Name Space, made explicit. With steps it is not enforced; without steps it stands for all
   * protocols in it.
   */
  readonly nameSpace?: string;
  readonly steps: readonly Step[];
}

export type Step = ProtocolStep | PortStep;

/** One of these protocols, sorted and without duplicates. Generic Carriers are written out. */
export interface ProtocolStep {
  readonly kind: 'protocols';
  readonly protocols: readonly string[];
}

/** One of these ports of the previous step's header, sorted and without duplicates. */
export interface PortStep {
  readonly kind: 'ports';
  readonly ports: readonly Port[];
}

export interface Port {
  /** The end that has the port: above (local), below (remote), or either. */
  readonly end: End;
  /** `open`: a setting or `listen` fills it. */
  readonly port: number | 'open';
}

export type End = 'local' | 'remote' | 'either';

/**
 * Returns the ports on which an endpoint has to listen for this stack: those at the local end of its first
 * port step.
 */
export function localPorts(stack: Stack): readonly number[] {
  for (const step of stack.steps) {
    if (step.kind === 'ports') {
      return step.ports.flatMap(({ end, port }) => (end === 'local' && port !== 'open' ? [port] : []));
    }
  }
  return [];
}

/** Whether a step is still open. No frame has this stack until the step is filled. */
export function hasOpenStep({ steps }: Stack): boolean {
  return steps.some((step) => step.kind === 'ports' && step.ports.some(({ port }) => port === 'open'));
}

/**
 * Returns the same stack with `port` in place of its first open step. The port comes from a setting, for
 * example.
 */
export function fillOpen(stack: Stack, end: End, port: number): Stack {
  const at = stack.steps.findIndex(
    (step) => step.kind === 'ports' && step.ports.some((each) => each.port === 'open'),
  );
  if (at < 0) return stack;
  const filled: PortStep = { kind: 'ports', ports: [{ end, port }] };
  return { ...stack, steps: stack.steps.map((step, index) => (index === at ? filled : step)) };
}

/** The order of ports in a step: by end, then by number, open ones last. */
export function comparePorts(a: Port, b: Port): number {
  if (a.end !== b.end) return a.end < b.end ? -1 : 1;
  return (a.port === 'open' ? 0x10000 : a.port) - (b.port === 'open' ? 0x10000 : b.port);
}
