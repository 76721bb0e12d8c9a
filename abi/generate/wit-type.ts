/** A type of the contract, with the name that the contract gave it, if any. */
export type WitType = (
  | { kind: Primitive }
  | { kind: 'list'; element: WitType }
  | { kind: 'record' | 'tuple'; fields: readonly WitField[] }
  | { kind: 'flags'; labels: readonly string[] }
  | { kind: 'enum' | 'variant' | 'option' | 'result'; cases: readonly WitCase[] }
) & { name?: string };

export type Primitive =
  | 'bool'
  | 's8'
  | 'u8'
  | 's16'
  | 'u16'
  | 's32'
  | 'u32'
  | 's64'
  | 'u64'
  | 'f32'
  | 'f64'
  | 'char'
  | 'string';

export interface WitField {
  name: string;
  type: WitType;
}

export interface WitCase {
  name: string;
  type: WitType | undefined;
}

export interface WitFunction {
  name: string;
  params: readonly WitField[];
  result: WitType | undefined;
}

export interface WitInterface {
  /** Such as `arpa2:funnel/host@0.2.0`. */
  id: string;
  functions: readonly WitFunction[];
  /** Named types, in the order in which they appear; also those from another interface. */
  types: readonly WitType[];
}

export interface World {
  imports: readonly WitInterface[];
  exports: readonly WitInterface[];
}
